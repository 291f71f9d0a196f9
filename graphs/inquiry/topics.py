"""What a question is about, learned from example questions (questions.toml); no language model, no figures.

A linear classifier over words and pieces of words: pieces bridge typos and inflections, and the examples it learns
from can be read and corrected as text.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib import resources
from typing import Any

from nas.explanation.notation import CANDIDATE, STAGE, find_candidates

_STAGE = re.compile(rf"{STAGE.pattern}(?:\s*(?:,|and|&|\+|to|-)\s*\d+)*", re.I)  # a stage, or a list or range of stages
_TELLING = ("proposal", "trial", "number")  # words that are kept: "proposal 5" may be one that failed
_NUMBER = re.compile(r"\d[\d.,]*")
_REGULARIZATION = 20.0


@dataclass(frozen=True, slots=True)
class Topic:
    """Example questions of a kind; `declines` is the reason why questions of that kind have no answer."""

    name: str
    questions: tuple[str, ...]
    declines: str = ""


@dataclass(frozen=True)
class Topics:
    """Every topic with its examples."""

    by_name: Mapping[str, Topic]

    def rank(self, question: str, *, has_intent: bool) -> list[tuple[Topic, float]]:
        """The topics with their probabilities, the likeliest first. `has_intent`: it names a change of a field."""
        probabilities = self._classifier.predict_proba([normalize(question, has_intent=has_intent)])[0]
        found = zip(self._classifier.classes_, probabilities, strict=True)
        ranked = sorted(found, key=lambda pair: -pair[1])
        return [(self.by_name[name], float(probability)) for name, probability in ranked]

    @cached_property
    def _classifier(self) -> Any:
        from sklearn.feature_extraction.text import TfidfVectorizer  # late: a second of imports
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline, make_union

        from graphs.inquiry.edit_intents import names_a_change

        words = TfidfVectorizer(tokenizer=str.split, token_pattern=None, ngram_range=(1, 3), sublinear_tf=True)
        pieces = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True)
        examples = [(question, topic.name) for topic in self.by_name.values() for question in topic.questions]
        classifier = make_pipeline(
            make_union(words, pieces),
            LogisticRegression(C=_REGULARIZATION, class_weight="balanced", max_iter=500),
        )
        texts = [normalize(question, has_intent=names_a_change(question)) for question, _ in examples]
        return classifier.fit(texts, [name for _, name in examples])


def normalize(question: str, *, has_intent: bool) -> str:
    """The question in lower case with placeholders for ids, stages and numbers, and markers for what it contains."""
    text = question.lower()
    text = CANDIDATE.sub(lambda match: match[0] if match[0].startswith(_TELLING) else " candid ", text)
    text = _NUMBER.sub(" num ", _STAGE.sub(" stagenum ", text))
    words = re.findall(r"[^\W_]+|[%?/]", text)
    marks = ["markpair"] if len(find_candidates(question)) > 1 else []
    # "wish" is an intent: its letters are features of the classifier, so that renaming it would change what it learns
    marks += ["markwish"] if has_intent else []
    marks += ["markshort"] if len(words) <= 2 else []
    return " ".join(["^", *words, *marks])


@lru_cache(maxsize=1)
def load_topics() -> Topics:
    """The shipped topics."""
    text = resources.files("graphs.inquiry").joinpath("questions.toml").read_text(encoding="utf-8")
    return Topics(
        {
            name: Topic(name, tuple(entry["questions"]), entry.get("declines", ""))
            for name, entry in tomllib.loads(text).items()
        }
    )
