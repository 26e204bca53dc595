"""What is edited, small files of every kind, and which commands read them."""

from __future__ import annotations

from dataclasses import dataclass

from tools.soak.attempt import BENCH, NOISE


def noise(line: str) -> tuple[str, ...]:
    """Return the words of a command line of actiseg-noise; none of them has a space."""
    return (NOISE, *line.split())


def bench(line: str) -> tuple[str, ...]:
    """Return the words of a command line of actiseg-bench; none of them has a space."""
    return (BENCH, *line.split())


def build(line: str) -> tuple[str, ...]:
    """Return the words of a build, one process, with these options more."""
    return noise(f"build --workers 1 --out {{out}} {line}")


@dataclass(frozen=True)
class Subject:
    """A folder that is edited, and the commands that read it.

    In commands, ``{it}`` is the edited copy, ``{out}`` a place that is not there yet, ``{made}`` the folder of all
    sound files, ``{file}`` the edited file.

    Attributes:
        files: patterns of the files that are edited, below the folder.
        commands: every edit is tried on each. slow: on a tenth of the edits, as these take seconds.
        is_manifest: the folder is a manifest, whose digests are made anew after an edit.
        weight: how often it is drawn.
    """

    name: str
    folder: str
    files: tuple[str, ...]
    commands: tuple[tuple[str, ...], ...]
    slow: tuple[tuple[str, ...], ...] = ()
    is_manifest: bool = False
    weight: float = 1.0


VERIFY = noise("verify {it}")
CHECK_MANIFEST = (VERIFY, noise("diff {it} {made}/manifest"), noise("inspect {it}"))
PREVIEW = noise("preview {it} --out {out}/sheet.png --root {made}/kitchen")
READ_MANIFEST = (
    *CHECK_MANIFEST,
    noise("publish {it} --out {out}"),
    noise("export {it} --format refvos --out {out}"),
    noise("export {it} --format actionvos --out {out}"),
    PREVIEW,
)
EVALUATE = bench("evaluate --pred {made}/predicted --manifest {it}")
PREDICT = bench("predict --manifest {it} --checkpoint {made}/weights/checkpoint.safetensors --threads 1 --out {out}")
REBUILD = noise("verify --rebuild {it}")
PUBLISH_RECIPE = noise("publish {it} --labels recipe-only --out {out}")
SLOW_ON_MANIFEST = (
    REBUILD,
    noise("diff {made}/manifest {it} --json"),
    noise("inspect {it} --json --plot {out}"),
    noise("view {it} --root {made}/kitchen --out {out}"),
    noise("clean {it} --corrections {made}/corrections/corrections.csv --out {out}"),
    PUBLISH_RECIPE,
    noise("export {it} --format refvos --masks rle --images copy --out {out}"),
    noise("export {it} --format actionvos --images link --root {made}/kitchen --out {out}"),
    noise("export {it} --format coco --masks polygon --out {out}"),
    noise("export {it} --format sam3 --out {out}"),
    noise("export {it} --format davis --images resize --root {made}/kitchen --out {out}"),
    bench("train --manifest {it} --steps 1 --threads 1 --out {out}"),
    PREDICT,
)
SUBJECTS = (
    Subject(
        "manifest",
        "manifest",
        ("*.parquet", "*.parquet", "manifest.json", "vocabulary.json"),
        (*READ_MANIFEST, EVALUATE),
        SLOW_ON_MANIFEST,
        True,
        10,
    ),
    Subject(
        "manifest of flags and narrations",
        "flags",
        ("*.parquet", "*.parquet", "manifest.json", "vocabulary.json"),
        READ_MANIFEST,
        (REBUILD, bench("train --manifest {it} --steps 1 --threads 1 --out {out}")),
        True,
        3,
    ),
    Subject("manifest of texts", "text", ("*.parquet", "manifest.json"), READ_MANIFEST, (), True),
    Subject("imported manifest", "imported", ("*.parquet", "manifest.json"), READ_MANIFEST, (), True),
    Subject(
        "recipe-only manifest",
        "withheld",
        ("*.parquet", "manifest.json"),
        (*CHECK_MANIFEST, PUBLISH_RECIPE, PREVIEW),
        (REBUILD,),
        is_manifest=True,
    ),
    Subject(
        "evaluation labels",
        "evaluation",
        ("*.parquet", "manifest.json"),
        (VERIFY, bench("verify {made}/runs --eval-manifest {it}")),
        is_manifest=True,
    ),
    Subject(
        "recipe",
        "recipes",
        ("*.toml",),
        (
            build("--dataset kitchen --limit 1 --recipe {file}"),
            noise("build --dry-run --dataset kitchen --recipe {file}"),
        ),
        weight=3,
    ),
    Subject(
        "vocabulary",
        "vocabulary",
        ("*.json",),
        (build("--dataset kitchen --limit 1 --flip .5 --content text --vocabulary {file}"),),
    ),
    Subject(
        "list of clips",
        "lists",
        ("clips.txt",),
        (build("--dataset kitchen --flip .5 --content text --clips @{file}"),),
    ),
    Subject(
        "ActionVOS tree",
        "actionvos",
        ("ImageSets/*", "Annotations_Sparse/train/*/*.png", "JPEGImages_Sparse/train/*/*.jpg"),
        (
            build("--dataset actionvos --root {it} --flip .5"),
            noise("import --dataset actionvos --clean {made}/clean --noisy {it} --out {out}"),
            noise(
                "import --expressions {it}/ImageSets/train_meta_expressions_promptaction.json "
                "--categories {it}/ImageSets/train_objects_category.json --out {out}"
            ),
            bench(
                "evaluate --pred {made}/actionvos/Annotations_Sparse/train "
                "--gt {it}/Annotations_Sparse/train --split-json {it}/ImageSets/train.json"
            ),
            bench(
                "evaluate --davis --pred {it}/Annotations_Sparse/train --gt {made}/actionvos/Annotations_Sparse/train"
            ),
        ),
        weight=3,
    ),
    Subject(
        "Ref-YouTube-VOS tree",
        "refvos",
        ("meta_expressions/train/*.json", "train/meta.json", "train/Annotations/*/*.png", "train/JPEGImages/*/*.jpg"),
        (build("--dataset refvos --root {it} --flip .5"),),
        weight=1.5,
    ),
    Subject(
        "folders of masks",
        "refvos",
        ("train/Annotations/*/*.png", "texts.json"),
        (
            noise(
                "import --clean {made}/refvos/train/Annotations --noisy {it}/train/Annotations "
                "--texts {it}/texts.json --name x --out {out}"
            ),
            noise(
                "import --clean {it}/train/Annotations --noisy {made}/refvos/train/Annotations "
                "--objects union --name x --out {out}"
            ),
            bench("evaluate --pred {it}/train/Annotations --manifest {made}/manifest"),
        ),
        weight=2,
    ),
    Subject(
        "pictures",
        "pictures",
        ("*/images/*/*.jpg",),
        (
            noise("preview {made}/manifest --root {it} --out {out}/sheet.png"),
            noise("export {made}/manifest --format refvos --images copy --root {it} --out {out}"),
        ),
        (bench("train --manifest {made}/manifest --root {it} --steps 1 --threads 1 --out {out}"),),
    ),
    Subject(
        "runs",
        "runs",
        ("*/*/*/*/*/result.json", "*/*/*/*/*/result.json", "*/*/*/*/*/*.parquet"),
        (
            bench("leaderboard {it}"),
            bench("leaderboard {it} --format html"),
            bench("leaderboard {it} --format csv"),
            bench("verify {it} --eval-manifest {made}/evaluation"),
        ),
        (
            bench("analyze {it} --out {out}"),
            bench("report {it} --manifest {made}/evaluation --out {out}"),
            bench("collect {it} --out {out}"),
            bench("leaderboard {it} --json"),
            bench("leaderboard {it} --format latex"),
        ),
        weight=4,
    ),
    Subject(
        "checkpoint",
        "weights",
        ("*.safetensors",),
        (bench("predict --checkpoint {file} --manifest {made}/manifest --threads 1 --out {out}"),),
        (bench("evaluate --checkpoint {file} --manifest {made}/manifest --threads 1"),),
        weight=1.5,
    ),
    Subject(
        "start weights",
        "start",
        ("*.safetensors",),
        (bench("train --weights {file} --manifest {made}/manifest --steps 1 --threads 1 --out {out}"),),
        weight=0.5,
    ),
    Subject(
        "published checkpoint",
        "published",
        ("*.pth",),
        (bench("convert-checkpoint {file} --model tiny --out {out}/x.safetensors"),),
        weight=0.5,
    ),
    Subject(
        "corrections",
        "corrections",
        ("*.csv",),
        (noise("clean {made}/manifest --corrections {file} --out {out}"),),
    ),
    Subject("protocol", "protocols", ("protocol.toml",), (bench("list tracks --protocol {file}"),)),
    Subject(
        "configuration",
        "protocols",
        ("config.toml",),
        (bench("train --config {file} --manifest {made}/manifest --threads 1 --steps 1 --out {out}"),),
        weight=0.5,
    ),
)
