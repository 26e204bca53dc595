"""Videos and images with a mask per object, in the JSON of YouTube-VIS and of COCO.

What: YouTube-VIS, OVIS, UVO, LV-VIS, SA-Co/VEval and what else has their form; COCO's instances and files like them;
BURST, TAO; the masklets of SA-V; Datumaro's own form, which CVAT exports; CVAT's own XML; exports of Label Studio.
How much, licence, citation and how to get it: ``YtVis.card``.

Layout, relative to the root; the first file that is there is read, and ``file`` names any other::

    <split>.json, instances_<split>.json, annotations_<split>.json, <split>_instances.json
    annotations/…                                       the same; and instances_<split>2017.json
    <split>/instances.json                              YouTube-VIS's own

    <split>/JPEGImages/<file name>                      images, none needed: or JPEGImages/<split>, JPEGImages,
                                                        <split>/images, images/<split>, images, <split>2017, <split>, .

    videos       [{id, width, height, length, file_names}]
    annotations  [{id, video_id, category_id, segmentations}]     one mask or null per frame
    images       [{id, width, height, file_name}]                 instead of videos: each is a clip of one frame
    annotations  [{id, image_id, category_id, segmentation}]
    categories   [{id, name}]

    videos       [{id, name}]                             TAO, CocoVID: images and annotations of one frame each,
    images       [{id, video_id, frame_index, …}]         which say their video and their track
    annotations  [{id, image_id, track_id, category_id, segmentation}]

    <split>/all_classes.json                            BURST: sequences [{id, dataset, seq_name, width, height,
                                                        annotated_image_paths, segmentations, track_category_ids}]
    items        [{id, image, annotations}]               Datumaro: masks and polygons of each image, size [height,
                                                        width]; polygons of one group and label are one object
    …/<video>_manual.json                               SA-V, at any depth: one file a video; split train
    [{id, data, annotations}]                           Label Studio, exported as JSON: a list of tasks
    <split>.xml, annotations/<split>.xml,               CVAT 1.1, "for video" and "for images"; annotations.xml itself
    <split>/annotations.xml                             is of split train

A mask is run lengths, compressed or as a list, or polygons, whose union is drawn as COCO does; ``null`` and ``[]``
say that the object is not visible. A video's name is the folder of its frames, an image's its file; where several have
one, the id is added. A video without annotations is no clip. The noun is the category's name with ``_`` as a space, and
is the whole expression; no action is named, so the verb is "refer". All objects are positive, crowds (``iscrowd``) too.

Masks of one frame may share pixels: such a video is several clips, its layers ``<video>~1``, ``<video>~2``, …, in each
of which none do. Object ids are the annotations' where all of a video's lie in 1 … 254, else positions in the clip; in
both cases objects are in ascending order of annotation id, and ``FrameRecord.mask_key`` lists these, joined by ``+``.

SA-Co/VEval: each masklet is one object, and several may have one phrase. A phrase without masklets (``video_np_pairs``
of ``num_masklets`` 0) is a negative object of the video's first clip that has room, after the others, and never
visible. The pairs' counts must be those of the annotations. So are the classes that BURST says are absent
(``neg_category_ids``). SA-V names no classes: the noun is "object", and mask noise alone is possible; its masks are on
every fourth frame, from ``00000`` on. ``file`` may name a folder of its files, or one ``<video>_auto.json``.

Label Studio: each brush region (opaque pixels) and polygon of a task is an object, in the file's order; the noun is its
label. Of several annotations the ground truth is read, else the one changed last; cancelled ones and predictions are
not. Boxes, and videos, which have boxes alone, are no masks: a warning counts them. The image is the one value of
``data`` that ends as an image does, or that of the key ``image``: ``/data/upload/1/ab12cd34-cup.jpg`` is ``cup.jpg``,
found with or without the eight digits; ``/data/local-files/?d=days/1/cup.jpg`` and addresses of servers and buckets are
found by their path, or the end of it.

CVAT for video: a task is a video, a track an object, or all tracks of one group and label; frames are
``frame_000012``, those in which an object is visible. Shapes that CVAT interpolated are in its export and are read;
nothing is interpolated here: a frame of which a track says nothing, between two of its shapes or after the last, is
left out, and a warning says so. A task of images has no size of frames: export it "for images". There each image is a
clip of one frame; shapes of one group and label are an object. What ``export --format cvat`` wrote comes back as it
was, objects that were visible, with their ids, expressions and flags: images of one folder are a clip. Files with a
DOCTYPE are refused. Of both tools category ids are made from nouns, as their files number none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from actiseg_noise.datasets.base import DATASETS, Dataset
from actiseg_noise.datasets.referring import VERB, make_template
from actiseg_noise.datasets.ytvis.files import (
    EVAL_SPLITS,
    SPLITS,
    Images,
    check_evaluation,
    choose_files,
    find_files,
    iter_layout,
    named_file,
    named_files,
)
from actiseg_noise.datasets.ytvis.forms import open_annotations, read_video
from actiseg_noise.datasets.ytvis.layers import Layer, join_ids, list_layers, object_ids, pick_joined
from actiseg_noise.datasets.ytvis.masks import paint_spans, read_spans
from actiseg_noise.datasets.ytvis.videos import Annotation, Video
from actiseg_noise.errors import ActisegError, DataError
from actiseg_noise.masks import IndexMask
from actiseg_noise.records import NOUN, Clip, DatasetCard, FrameRecord, ObjectRecord

CITATION = """@inproceedings{yang2019video,
  title = {Video Instance Segmentation},
  author = {Yang, Linjie and Fan, Yuchen and Xu, Ning},
  booktitle = {ICCV},
  year = {2019}
}
@inproceedings{lin2014microsoft,
  title = {Microsoft COCO: Common Objects in Context},
  author = {Lin, Tsung-Yi and Maire, Michael and Belongie, Serge and Hays, James and Perona, Pietro and
    Ramanan, Deva and Doll{\\'a}r, Piotr and Zitnick, C. Lawrence},
  booktitle = {ECCV},
  year = {2014}
}"""


@DATASETS.register("ytvis")
class YtVis(Dataset):
    """Videos or images with a mask per object, in the JSON of YouTube-VIS or of COCO.

    Args:
        file: the file of annotations, below the root. Default: the split's, under one of the usual names.
        images: the folder that the names of images begin in, below the root. Default: one of the usual ones.
    """

    card = DatasetCard(
        name="ytvis",
        source="ytvis",
        version="1",
        title="YouTube-VIS and COCO JSON: videos or images with a mask per object",
        size="YouTube-VIS 2019 2,883 videos, 40 categories; OVIS 901 videos; LV-VIS 4,828; COCO 2017 118,287 images of "
        "train, 80 categories",
        licence="that of the files: annotations of YouTube-VIS and COCO CC BY 4.0, OVIS and LV-VIS for "
        "non-commercial research",
        citation=CITATION,
        homepage="https://youtube-vos.org/dataset/vis",
        how_to_get="YouTube-VIS from https://youtube-vos.org/dataset/vis, COCO from https://cocodataset.org; the root "
        "is the folder that holds train.json, annotations or train, and the images.",
        splits=SPLITS,
        eval_splits=EVAL_SPLITS,
    )

    layout = tuple(iter_layout())
    chooses = True

    def __init__(
        self, root: Path, *, skip_missing: bool = False, file: str | None = None, images: str | None = None
    ) -> None:
        super().__init__(root, skip_missing=skip_missing)
        for name, value in (("file", file), ("images", images)):
            if value is not None and not (isinstance(value, str) and value):
                raise ActisegError(f"--option {name}={value}: expected a path below the root")
        self.file = None if file is None else named_file(root, file)
        self.images = images

    def check_root(self, flag: str = "--root") -> None:
        """See :class:`Dataset`; where the option ``file`` names the file, any folder will do."""
        if self.file is None:
            super().check_root(flag)

    def iter_clips(self, split: str, *, with_frames: bool) -> Iterator[Clip]:
        """Yield one clip per layer of a video, in ascending clip_id; all masks are read before the first.

        Raises:
            DataError: a missing or malformed file; file, video, annotation and frame are named.
        """
        self.check_split(split)
        paths = self._paths(split)
        images = Images(self.root, split, self.images)
        layers = {layer.clip_id: layer for layer in list_layers(paths)}
        if not layers:
            raise DataError(
                f"{paths[0]}: no video or image has an annotation; the organisers keep those of some evaluation "
                "splits, and there is nothing to noise without them"
            )
        for clip_id in self.choose(layers, split):
            layer = layers[clip_id]
            found = open_annotations(layer.path)
            video = found.read(layer.video, with_masks=False)
            members = layer.pick(video.annotations)
            mask_path = layer.path.relative_to(self.root).as_posix()
            frames = make_frames(video, members, mask_path, images) if with_frames else ()
            yield make_clip(layer, video, members, found.categories, frames)

    def iter_vocabulary(self, splits: tuple[str, ...]) -> Iterator[ObjectRecord]:
        """Yield each category of the files of ``splits`` once, in ascending category_id.

        Raises:
            DataError: none of the splits is on disk, one is malformed, or two call one category by different names.
        """
        on_disk = [split for split in splits if self.file is not None or find_files(self.root, split)]
        found: dict[int, tuple[str, Path]] = {}
        for path in dict.fromkeys(self._paths(split, is_checked=False)[0] for split in on_disk or splits[:1]):
            for number, noun in open_annotations(path).categories.items():
                known, first = found.setdefault(number, (noun, path))
                if known != noun:
                    raise DataError(
                        f"{path}: category {number} is {noun!r}, but {known!r} in {first}; the files are of different "
                        "datasets. Keep them in folders of their own, or name one with --option file=FILE"
                    )
        for number, (noun, _) in sorted(found.items()):
            yield ObjectRecord(1, number, noun, noun, is_positive=True)

    def read_index_mask(self, clip: Clip, frame: FrameRecord) -> IndexMask:
        """Return the clip's objects in the frame, ``uint8 [H, W]``.

        Raises:
            DataError: a missing or malformed mask.
        """
        path = self.root / str(frame.mask_path)
        video = read_video(path, clip.video_id)
        members = pick_joined(video.annotations, str(frame.mask_key), video.where)
        return paint(video, frame.frame_id, members, [item.object_id for item in clip.objects])

    def _paths(self, split: str, *, is_checked: bool = True) -> list[Path]:
        """Return the file of a split; of SA-V all its files, which have the same categories."""
        name = "" if self.file is None else self.file.relative_to(self.root).as_posix()
        given = self.file
        paths = choose_files(self.root, split, self.card.how_to_get) if given is None else named_files(given)
        for path in paths if is_checked else ():
            check_evaluation(path, name, open_annotations(path).split, split)
        return paths


def make_clip(
    layer: Layer,
    video: Video,
    members: Sequence[Annotation],
    categories: dict[int, str],
    frames: tuple[FrameRecord, ...],
) -> Clip:
    """Return a layer as a clip; ``members`` are its annotations."""
    numbers = zip(object_ids(video, members), members, strict=True)
    objects = tuple(_object(number, one, categories[one.category_id], video.where) for number, one in numbers)
    return Clip(
        clip_id=layer.clip_id,
        address=layer.clip_id,
        video_id=layer.video,
        narration=" ".join(layer.video.replace("_", " ").replace("-", " ").split()) or layer.video,
        verb=VERB,
        noun=objects[0].noun,
        objects=objects,
        frames=frames,
        source_order=layer.source_order,
    )


def make_frames(video: Video, members: Sequence[Annotation], mask_path: str, images: Images) -> tuple[FrameRecord, ...]:
    """Return a video's frames, each with the annotations that are read for it from the file ``mask_path``."""
    key = join_ids(members)
    named = (images.find(names, video.name) for names in (video.file_names, *video.other_names))
    found = zip(video.frame_ids, next(filter(any, named), (None,) * len(video.file_names)), strict=True)
    return tuple(FrameRecord(frame_id, image, mask_path, True, mask_key=key) for frame_id, image in found)


def paint(video: Video, frame_id: str, members: Sequence[Annotation], ids: Sequence[int]) -> IndexMask:
    """Return the index mask of one frame of some of a video's annotations, ``uint8 [H, W]``."""
    frame_idx = video.frame_ids.index(frame_id)
    return paint_spans(read_spans(video, frame_idx, members), ids, video.height, video.width)


def _object(object_id: int, annotation: Annotation, noun: str, where: str) -> ObjectRecord:
    """Return an object; one without annotation is a phrase that names nothing."""
    text = annotation.text
    return ObjectRecord(
        object_id=object_id,
        category_id=annotation.category_id,
        category=noun,
        noun=noun,
        is_positive=annotation.is_positive and annotation.annotation_id is not None,
        template=NOUN if text is None else make_template(text, noun, where),
    )
