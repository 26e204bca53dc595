"""VISOR: pixel annotations of EPIC-KITCHENS-100, read from the official deposit without any preparation.

What: sparse polygons on untrimmed kitchen videos, cut into narrated actions by the rules of ActionVOS's
``data_prepare_visor.py``. A clip and its address are those that ``actionvos`` reads from what that script writes.
How much, licence, citation and how to get it: ``Visor.card``.

Layout, relative to the root::

    frame_mapping.json                                                       image of VISOR → frame of EPIC-KITCHENS
    EPIC_100_train.csv, EPIC_100_validation.csv                              actions; both, for either split
    GroundTruth-SparseAnnotations/annotations/{train,val}/<video>.json       polygons at 1920×1080
    GroundTruth-SparseAnnotations/annotations_corrected/{train,val}/…        read instead, where VISOR-HOS wrote them
    GroundTruth-SparseAnnotations/rgb_frames/{train,val}/[<PXX>/]<video>/<image>.jpg    not needed to build a manifest

The tables may also lie in ``epic-kitchens-100-annotations/`` or ``annotations/`` within the root, or in
``epic-kitchens-100-annotations/`` beside it. The category is a class of EPIC-KITCHENS, as in ``actionvos``: an object's
noun stands for its name, and the vocabulary is the nouns seen per class.

Known errors of the release are put right (``visor_corrections.toml``; 'rigth hand'; gloves that say nothing), so
``annotations`` and ``annotations_corrected`` give the same clips. One rule is ours: a frame that frame_mapping.json has
and the annotations lack is a frame without mask, where the script's masks would be those of other frames.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from operator import itemgetter
from pathlib import Path, PurePosixPath

from actiseg_noise.borders.folders import stem_of
from actiseg_noise.borders.json_object import file_stamp
from actiseg_noise.datasets.actionvos import CITATION as ACTIONVOS_CITATION
from actiseg_noise.datasets.base import DATASETS, Dataset
from actiseg_noise.datasets.files import image_path
from actiseg_noise.datasets.visor.actions import read_actions
from actiseg_noise.datasets.visor.clips import ActionFrames, iter_scenes, scene_objects
from actiseg_noise.datasets.visor.deposit import (
    SPARSE,
    SPLITS,
    FrameMapping,
    find_annotations,
    find_tables,
    has_annotations,
    image_folder,
)
from actiseg_noise.datasets.visor.entities import Entity
from actiseg_noise.datasets.visor.paint import SIZES, paint, paint_weights, resize
from actiseg_noise.datasets.visor.video import VideoAnnotations
from actiseg_noise.datasets.visor_names import action_address, action_folder, numbered_address
from actiseg_noise.errors import ActisegError, DataError
from actiseg_noise.masks import IndexMask
from actiseg_noise.records import Clip, DatasetCard, FrameRecord, ObjectRecord

CITATION = (
    ACTIONVOS_CITATION
    + """
@article{damen2022rescaling,
  title = {Rescaling Egocentric Vision: Collection, Pipeline and Challenges for EPIC-KITCHENS-100},
  author = {Damen, Dima and Doughty, Hazel and Farinella, Giovanni Maria and Furnari, Antonino and Ma, Jian and
            Kazakos, Evangelos and Moltisanti, Davide and Munro, Jonathan and Perrett, Toby and Price, Will and
            Wray, Michael},
  journal = {International Journal of Computer Vision},
  volume = {130},
  pages = {33--55},
  year = {2022}
}"""
)


@DATASETS.register("visor")
class Visor(Dataset):
    """VISOR's own deposit.

    Whether a hand touches an object is a question of pixels, so iterating over clips paints every frame with contacts
    once, for text content too; the vocabulary does not. One video's annotations are kept at a time.

    Args:
        size: of the masks: ``854x480`` as ActionVOS prepares them, or ``native``, 1920×1080.
    """

    card = DatasetCard(
        name="visor",
        source="visor",
        version="2022",
        title="EPIC-KITCHENS VISOR: sparse masks of 30 hours of kitchen videos, cut into actions as ActionVOS does",
        size="158 videos (115 train, 43 val); 1920×1080, masks read at 854×480; 28.4 GB with frames",
        licence="CC BY-NC 4.0",
        citation=CITATION,
        homepage="https://epic-kitchens.github.io/VISOR",
        how_to_get="download GroundTruth-SparseAnnotations and frame_mapping.json of the deposit "
        "https://doi.org/10.5523/bris.2v6cgv1x04ol22qp9rm9x2j6a7 into one folder, the root, and put EPIC_100_train.csv "
        "and EPIC_100_validation.csv of https://github.com/epic-kitchens/epic-kitchens-100-annotations beside them.",
        splits=SPLITS,
        eval_splits=("val",),
    )

    layout = (SPARSE, "frame_mapping.json")
    chooses = True
    masks_may_be_scaled = True

    def __init__(self, root: Path, *, skip_missing: bool = False, size: str = "854x480") -> None:
        super().__init__(root, skip_missing=skip_missing)
        if size not in SIZES:
            raise ActisegError(f"--option size={size}: expected one of {', '.join(SIZES)}")
        self.size = size
        self._last: tuple[tuple[str, int, int], VideoAnnotations] | None = None

    def __getstate__(self) -> dict[str, object]:
        """Travel light to worker processes: each reads the videos it needs."""
        return self.__dict__ | {"_last": None}

    def iter_clips(self, split: str, *, with_frames: bool) -> Iterator[Clip]:
        """Yield the actions that ActionVOS keeps: videos as in frame_mapping.json, actions by narration number.

        A video without actions in the tables, or without an entry in frame_mapping.json, has no clips. ``with_frames``
        changes nothing: the annotations list the frames.

        Raises:
            DataError: a file is missing or malformed, a video has two annotation files, or no action is kept.
        """
        for clip_id, address, seq_id, path, scene in self.selection.choose(self._name(split), itemgetter(0), split):
            action, video = scene.action, self._video(path)
            yield Clip(
                clip_id=clip_id,
                address=address,
                video_id=action.video_id,
                narration=action.narration,
                verb=action.verb,
                noun=action.noun,
                objects=scene_objects(scene, video),
                frames=self._frames(scene, video, path, split),
                source_order=seq_id - 1,
                verb_class=action.verb_class,
                noun_class=action.noun_class,
                start_frame=action.start_frame,
                stop_frame=action.stop_frame,
            )

    def iter_vocabulary(self, splits: tuple[str, ...]) -> Iterator[ObjectRecord]:
        """Yield each (class, noun) of the clips of ``splits`` once, in ascending order.

        Raises:
            DataError: none of the splits is on disk, or one is malformed.
        """
        on_disk = [split for split in splits if has_annotations(self.root, split)]
        seen = {
            (class_id, name)
            for split in on_disk or splits[:1]
            for _, _, scene in self._iter_scenes(split)
            for name, class_id in scene.classes.items()
        }
        for category_id, noun in sorted(seen):
            yield ObjectRecord(1, category_id, noun, noun, is_positive=True)

    def read_index_mask(self, clip: Clip, frame: FrameRecord) -> IndexMask:
        """Paint the frame's polygons: object ids, ``uint8 [H, W]``. There is no void.

        Raises:
            DataError: the annotation file is gone or malformed, or has an object that is none of the clip's.
        """
        _, entities = self._entities(clip, frame)
        return resize(paint(entities, {item.noun: item.object_id for item in clip.objects}), self.size)

    def weight_map(self, clip: Clip, frame: FrameRecord) -> IndexMask:
        """Return ActionVOS's action-guided weights, ``uint8 [H, W]`` in the size of the masks.

        1 other, 2 hand or narration, 3 negative object, 4 hand and narration (``paint_weights``).

        Raises:
            DataError: as ``read_index_mask``.
        """
        video, entities = self._entities(clip, frame)
        narrated = {item.noun for item in clip.objects if item.in_narration}
        positive = {item.noun for item in clip.objects if item.is_positive}
        contacts = video.contacts(str(frame.mask_key))
        return resize(paint_weights(entities, contacts, narrated, positive), self.size)

    def _name(self, split: str) -> Iterator[tuple[str, str, int, str, ActionFrames]]:
        """Yield (clip id, address, seq_id, annotation file, kept action) in ascending clip id."""
        seen: Counter[str] = Counter()
        for seq_id, (path, _, scene) in enumerate(self._iter_scenes(split), start=1):
            action = scene.action
            address = action_address(action.video_id, action.start_frame, action.stop_frame, action.verb, action.noun)
            seen[address] += 1
            clip_id = action_folder(seq_id, action.video_id, action.verb, action.noun, action.where)
            yield clip_id, numbered_address(address, seen[address]), seq_id, path, scene

    def _iter_scenes(self, split: str) -> Iterator[tuple[str, VideoAnnotations, ActionFrames]]:
        """Yield (annotation file relative to the root, video, kept action) in the order that ``seq_id`` counts."""
        self.check_split(split)
        how_to_get = f"Get it: {self.card.how_to_get}"
        paths = find_annotations(self.root, split, how_to_get)
        mapping = FrameMapping(self.root, how_to_get)
        tables = find_tables(self.root, how_to_get)
        actions = read_actions(tables, paths.keys() & set(mapping))
        kept = 0
        for video_id in mapping:
            if video_id in actions:
                video, frames = self._video(paths[video_id]), mapping.frames(video_id)
                _check_frames(video, frames)
                for scene in iter_scenes(video, actions[video_id], frames):
                    kept += 1
                    yield paths[video_id], video, scene
        if not kept:
            raise DataError(
                f"{self.root}: no action of {tables[0].name} and {tables[1].name} has two annotated frames in the "
                f"{len(paths)} videos of split {split!r}. Are the tables and frame_mapping.json whole?"
            )

    def _frames(self, scene: ActionFrames, video: VideoAnnotations, path: str, split: str) -> tuple[FrameRecord, ...]:
        """Return a clip's frames; the mask of all of them is the video's annotation file."""
        folder = image_folder(self.root, split, scene.action.video_id)
        return tuple(
            FrameRecord(
                frame_id=name.removesuffix(".jpg"),
                image_path=image_path(self.root, folder, stem_of(image)),
                mask_path=path if image in video else None,
                is_annotated=image in video,
                mask_key=image,
            )
            for name, image in scene.frames.items()
        )

    def _entities(self, clip: Clip, frame: FrameRecord) -> tuple[VideoAnnotations, tuple[Entity, ...]]:
        """Return the video and the frame's entities, after checking that they are objects of the clip."""
        if frame.mask_path is None:
            raise DataError(f"{clip.clip_id} frame {frame.frame_id}: the frame has no mask")
        video = self._video(frame.mask_path)
        entities = video.entities(str(frame.mask_key))
        names = {item.noun for item in clip.objects}
        for entity in entities:
            if entity.polygons and entity.name not in names:
                raise DataError(
                    f"{video.path}: clip {clip.clip_id!r}, frame {frame.frame_id!r} has an object {entity.name!r}, "
                    "which is none of the clip's; was the file replaced? Make the clips again."
                )
        return video, entities

    def _video(self, path: str) -> VideoAnnotations:
        """Return a video's annotations; those asked for last are kept as long as the file stays the same."""
        file = self.root / path
        key = (path, *file_stamp(file))
        if self._last is None or self._last[0] != key:
            self._last = None  # let go of one video before the next is read
            self._last = key, VideoAnnotations(file, is_val=PurePosixPath(path).parts[2] == "val")
        return self._last[1]


def _check_frames(video: VideoAnnotations, frames: Mapping[str, str]) -> None:
    """Raise DataError when none of the images that frame_mapping.json has for a video is in its annotation file."""
    if frames and not any(image in video for image in frames.values()):
        raise DataError(
            f"{video.path}: none of the {len(frames)} images that frame_mapping.json has for {video.path.stem!r}, "
            f"such as {min(frames.values())!r}, is annotated there. The file is of another video or another release."
        )
