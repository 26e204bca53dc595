"""A byte-pair tokenizer made in a second, in files as RoBERTa-base's are: no vocabulary is downloaded for a test."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from tokenizers import ByteLevelBPETokenizer

SPECIAL = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
SENTENCES = ("knife used in the action of cut onion", "left hand used in the action of open drawer")


def write_roberta_files(folder: Path, special: Sequence[str] = SPECIAL) -> Path:
    """Write vocab.json, merges.txt and config.json of a tokenizer that knows a few words, and return the folder."""
    tokenizer = ByteLevelBPETokenizer()
    tokenizer.train_from_iterator(
        list(SENTENCES) * 3, vocab_size=300, min_frequency=1, special_tokens=list(special), show_progress=False
    )
    tokenizer.save_model(str(folder))
    (folder / "config.json").write_text(json.dumps({"model_type": "roberta"}))
    return folder
