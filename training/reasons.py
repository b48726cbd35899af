"""The reasons that writers gave for their labels, as the encoder reads them before it is trained.

Each corpus post says in a few English words why it has its label. Training may draw a post towards its own reason and away from
those of the other posts in its batch (:func:`training.losses.reason_loss`), which tells it far more than one label of four does:
what in the post decides, and in one language for all. Nothing of it is left in the bundle.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from datasets import Dataset
from numpy.typing import NDArray
from torch.nn.utils.rnn import pad_sequence
from transformers import AutoModel

from detector.bundle import TOKENIZER
from detector.encoder import Encoder
from detector.errors import InputError
from detector.text import normalise
from training.losses import reason_loss
from training.network import mean_over_tokens

MAX_TOKENS = 64
"""Of a reason, special tokens included; the longest one of the corpus has 35."""
_BATCH = 128


def reasons_given(posts: Dataset) -> list[str]:
    """Return the reason of each prepared post; blank where none was given, and in folders prepared before they were kept."""
    return posts["why"] if len(posts) and "why" in posts[0] else [""] * len(posts)


def numbered(reasons: Sequence[str]) -> tuple[list[str], NDArray[np.int64]]:
    """Return the different reasons, in order, and which of them each post has, -1 where it has none.

    :param reasons: One a post, blank where none was given.
    """
    texts = sorted({reason for reason in reasons if reason})
    places = {text: place for place, text in enumerate(texts)}
    return texts, np.array([places.get(reason, -1) for reason in reasons], dtype=np.int64)


def reason_tokens(texts: Sequence[str], base: Path) -> list[NDArray[np.int64]]:
    """Return the token ids of each text as the encoder reads it.

    :param texts: Of at most :data:`MAX_TOKENS` tokens; of a longer one its first piece is read (:mod:`detector.encoder`).
    """
    encoder = Encoder.from_file(base / TOKENIZER, max_tokens=MAX_TOKENS, overlap=0)
    return [encoder.windows(normalise(text).text)[0].ids for text in texts]


def meanings(texts: Sequence[str], base: Path, device: torch.device) -> NDArray[np.float32]:
    """Return the direction of each text's mean token state from the mean of them all, *shape* ``(n_texts, width)``.

    :param base: Folder of the untrained encoder and its tokenizer.
    :param device: Where the encoder runs.
    """
    encoder = AutoModel.from_pretrained(base, add_pooling_layer=False).to(device).eval()
    ids = [torch.from_numpy(tokens) for tokens in reason_tokens(texts, base)]
    order = sorted(range(len(ids)), key=lambda place: len(ids[place]))
    states = np.zeros((len(ids), encoder.config.hidden_size), np.float32)
    with torch.inference_mode():
        for start in range(0, len(order), _BATCH):
            places = order[start : start + _BATCH]
            batch = pad_sequence([ids[place] for place in places], batch_first=True, padding_value=1)
            lengths = torch.tensor([len(ids[place]) for place in places])
            mask = (torch.arange(batch.shape[1])[None] < lengths[:, None]).to(device)
            hidden = encoder(input_ids=batch.to(device), attention_mask=mask.long()).last_hidden_state
            states[places] = mean_over_tokens(hidden, mask).cpu().numpy()
    centred = states - states.mean(0)
    directions: NDArray[np.float32] = centred / np.linalg.norm(centred, axis=1, keepdims=True).clip(1e-6)
    return directions


class ReasonHead(torch.nn.Module):
    """What tells a post's reason from its states: a linear map, at first one that changes nothing.

    :param reasons: Of all posts of the split, blank where none was given.
    :param read: Numbers of those that training reads; the others are to tell it nothing, not even as what a post is not about.
    :param base: Folder of the untrained encoder and its tokenizer.
    :param device: Where training runs.
    :raises InputError: if training reads none.
    """

    def __init__(self, reasons: Sequence[str], read: NDArray[np.int64], base: Path, device: torch.device) -> None:
        super().__init__()
        if not len(read):
            raise InputError(
                "reason_weight: expected posts with a reason (why) among those to train on, found none; prepare them again"
            )
        texts, _ = numbered(reasons)
        kept = np.unique(read)
        self.meanings = torch.from_numpy(meanings([texts[place] for place in kept], base, device)).to(device)
        rows = torch.full((len(texts) + 1,), -1)  # one more: a reason of -1 finds the last
        rows[torch.from_numpy(kept)] = torch.arange(len(kept))
        self.rows = rows.to(device)
        width = self.meanings.shape[1]
        self.map = torch.nn.Linear(width, width, device=device)
        torch.nn.init.eye_(self.map.weight)
        torch.nn.init.zeros_(self.map.bias)

    def forward(self, means: torch.Tensor, reasons: torch.Tensor) -> torch.Tensor:
        """Return :func:`training.losses.reason_loss` among the reasons of the batch, *shape* ``(n_windows,)``.

        A batch holds few posts, most of them with their twins, whose reasons are the ones to be told apart. All that training
        reads were tried in their place and gave no more (``training/experiments.md``).

        :param means: Mean token state of each window, *shape* ``(n_windows, width)``.
        :param reasons: Number of each window's reason, -1 for none, *shape* ``(n_windows,)``.
        """
        rows = self.rows[reasons]
        there, places = torch.unique(rows[rows >= 0], return_inverse=True)
        own = torch.full_like(rows, -1)
        own[rows >= 0] = places
        return reason_loss(self.map(means), self.meanings[there], own) if len(there) else means.new_zeros(len(means))
