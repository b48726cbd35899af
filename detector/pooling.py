"""From token scores to the logits of a post, exactly: each token's share is known without a second pass.

The heads are linear and the mean is linear, so the logit of a window is the mean of its tokens' scores. The logits of a post
are a weighted mean of its windows' logits; the weight of a window grows with how much it looks like a lure, so that a lure
padded with harmless text is still seen, and text around a quoted lure still counts.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]

WINDOW_SHARPNESS = 0.5
"""How fast a window's weight grows with its margin: 0 is the plain mean, large values take the window with the largest margin."""


@dataclass(frozen=True, slots=True)
class Pooled:
    """A post's logits and where they come from.

    :ivar logits: *Shape* ``(n_outputs,)``.
    :ivar weights: Share of each window, summing to 1, *shape* ``(n_windows,)``.
    """

    logits: FloatArray
    weights: FloatArray


def pool(windows: Sequence[FloatArray], *, n_labels: int) -> Pooled:
    """Return the logits of a post from the token scores of its windows.

    :param windows: Token scores of each window, *shape* ``(n_tokens, n_outputs)``; the labels come first, the lure before all.
    :param n_labels: How many of the outputs are labels.
    """
    logits = np.stack([scores.mean(axis=0, dtype=np.float64) for scores in windows])
    others = logits[:, 1:n_labels]
    margins = logits[:, 0] - np.logaddexp.reduce(others, axis=1)
    powers = np.exp(WINDOW_SHARPNESS * (margins - margins.max()))
    weights = powers / powers.sum()
    return Pooled((weights @ logits).astype(np.float32), weights.astype(np.float32))
