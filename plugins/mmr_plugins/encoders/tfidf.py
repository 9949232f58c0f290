"""TF-IDF of the question, with a vocabulary learnt from the training questions.

Words and pairs of words, sublinear counts, not normalised: how much of a question is known vocabulary stays visible
in the norm. Single letters and digits are words, because in mathematics they carry the meaning.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import sklearn
from sklearn.feature_extraction.text import TfidfVectorizer

from mmr_core.errors import FeatureError, PluginError, UsageError
from mmr_core.state import StateReader

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmr_core.contracts import State

_WORD = r"(?u)\b\w+\b"


class TfidfEncoder:
    """A text encoder that is fitted on the training split.

    :param dimensions: the width of every embedding; the vocabulary is the commonest that many words and pairs, and
        where there are fewer, the dimensions on the right stay zero.
    :raises UsageError: if there are no dimensions.

    A text without a known word has a zero embedding.
    """

    modalities: ClassVar[tuple[str, ...]] = ("text",)

    def __init__(self, *, dimensions: int = 512) -> None:
        if dimensions < 1:
            raise UsageError(f"dimensions is {dimensions}", fix="use 1 or more")
        self.dimensions = dimensions
        self._vectorizer: TfidfVectorizer | None = None
        self._training_digest = "unfitted"

    def fit(self, texts: Sequence[str]) -> Self:
        """Learns the vocabulary and how rare each word is.

        :raises FeatureError: if the texts hold no word.
        """
        vectorizer = _vectorizer(max_features=self.dimensions)
        if not any(map(vectorizer.build_analyzer(), texts)):
            raise FeatureError("tfidf found no word in the training questions", fix="choose another --text-encoder")
        self._vectorizer = vectorizer.fit(texts)
        digest = blake2b(digest_size=16)
        for text in sorted(texts):
            content = text.encode("utf-8", "surrogatepass")
            digest.update(len(content).to_bytes(8, "big") + content)
        self._training_digest = digest.hexdigest()
        return self

    @property
    def fingerprint(self) -> str:
        """Parameters, scikit-learn's version, and a digest of the training texts, whatever their order."""
        return f"tfidf dimensions={self.dimensions} sklearn={sklearn.__version__} training={self._training_digest}"

    def state(self) -> State:
        """The vocabulary, words and pairs of words of the training questions, how rare each is, and their digest.

        :raises PluginError: if it was not fitted.
        """
        if self._vectorizer is None:
            raise _unfitted("to be saved")
        return {
            "vocabulary": self._vectorizer.get_feature_names_out().tolist(),
            "rarity": np.array(self._vectorizer.idf_),
            "training": self._training_digest,
        }

    def restore(self, state: State) -> Self:
        """Encodes as the encoder that gave the state.

        :raises DataError: if it is not such a state.
        """
        reader = StateReader(state, "encoder 'tfidf'")
        words = reader.texts("vocabulary")
        rarity = reader.array("rarity", np.float64, (len(words),))
        digest = reader.text("training")
        reader.finish()
        if len(set(words)) < len(words) or not 0 < len(words) <= self.dimensions:
            got = f"{len(words)}, {len(set(words))} of them distinct"
            raise reader.refuse(f"'vocabulary': expected 1 to {self.dimensions} distinct words, got {got}")
        self._vectorizer = _vectorizer(vocabulary=words)
        self._vectorizer.idf_ = rarity
        self._training_digest = digest
        return self

    def encode_text(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """float32 [n, dimensions].

        :raises PluginError: if it was not fitted.
        """
        if self._vectorizer is None:
            raise _unfitted("to encode")
        counted = self._vectorizer.transform(texts)
        rows = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        rows[:, : counted.shape[1]] = counted.toarray()
        return rows


def _vectorizer(**vocabulary: Any) -> TfidfVectorizer:
    return TfidfVectorizer(
        token_pattern=_WORD, ngram_range=(1, 2), sublinear_tf=True, norm=None, dtype=np.float64, **vocabulary
    )


def _unfitted(what: str) -> PluginError:
    return PluginError(f"tfidf was asked {what} before it was fitted", fix="call fit first")
