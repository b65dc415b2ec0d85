"""What a user changes inside the decoder beside moving anchors: new queries, and counterfactuals.

A prompt is a query of the user's own, N + 1 and up: a 3D point with content taken from elsewhere. A mute takes a query
or a view out of the decoder, as if it were not there; what remains of it in the backbone's features stays. None of
this was seen in training: results made with it are experiments, and every value here says so by existing. Paper
sections 3.3 and 3.4; the paper has no counterpart. This module needs NumPy alone.
"""

from dataclasses import dataclass
from typing import Literal, get_args

from fast3dis_core.errors import ConfigError

PromptContent = Literal["nearest", "mean", "sampled"]


@dataclass(frozen=True, kw_only=True)
class AnchorPrompt:
    """A query of the user's own.

    Attributes
    ----------
    position : tuple of 3 float
        World, scene units; its A^0.
    content : "nearest", "mean", "sampled", or int
        Its C^0: that of the query whose A^0 is nearest, the mean of all, the features of level 1/32 under the point
        (mean over the views that see it, brought to the length of a usual C^0), or that of a query by number.
    pinned : bool
        Skips refinement (eq. 5), as `AnchorOverride.pinned`.
    removed : bool
        Taken back, but its number stays taken: numbers are identities.

    Raises
    ------
    ConfigError
        For another word.
    """

    position: tuple[float, float, float]
    content: PromptContent | int = "nearest"
    pinned: bool = False
    removed: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.content, int) and self.content not in get_args(PromptContent):
            words = ", ".join(get_args(PromptContent))
            raise ConfigError(f"AnchorPrompt.content: expected {words} or a query number, found {self.content!r}.")


@dataclass(frozen=True, kw_only=True)
class Interventions:
    """Everything a user changed inside the decoder beside moving anchors.

    Attributes
    ----------
    prompts : tuple of AnchorPrompt
        Query N + i is prompt i.
    muted_queries : frozenset of int
        Nobody attends to them, and their objectness is 0.
    muted_views : frozenset of int
        No anchor sees them. The backbone did, and its features of the other views know it.
    cut_links : frozenset of (int, int)
        (i, j): query i does not attend to query j.
    self_attention : bool
        If false, every query attends to itself only.

    Raises
    ------
    ConfigError
        If a query is cut off from itself: a softmax over nothing.
    """

    prompts: tuple[AnchorPrompt, ...] = ()
    muted_queries: frozenset[int] = frozenset()
    muted_views: frozenset[int] = frozenset()
    cut_links: frozenset[tuple[int, int]] = frozenset()
    self_attention: bool = True

    def __post_init__(self) -> None:
        if any(query == other for query, other in self.cut_links):
            raise ConfigError("Interventions.cut_links: expected pairs of different queries; mute the query instead.")

    @property
    def none(self) -> bool:
        """Whether the decoder runs as it was trained."""
        return self == NO_INTERVENTIONS

    def silent(self, count: int) -> frozenset[int]:
        """Queries that say nothing: muted ones and removed prompts, `count` being N of the generator."""
        return self.muted_queries | {count + index for index, prompt in enumerate(self.prompts) if prompt.removed}

    def check(self, *, queries: int, views: int) -> None:
        """Compare the numbers with a scene.

        Parameters
        ----------
        queries : int
            N of the generator, without prompts.
        views : int

        Raises
        ------
        ConfigError
            If a query or a view does not exist.
        """
        total = queries + len(self.prompts)
        named = self.muted_queries | {query for link in self.cut_links for query in link}
        for index, prompt in enumerate(self.prompts):
            if isinstance(prompt.content, int) and not 0 <= prompt.content < queries:
                raise ConfigError(
                    f"Prompt {index}: expected the content of a query between 0 and {queries - 1}, "
                    f"found {prompt.content}."
                )
        for what, numbers, limit in (("query", named, total), ("view", self.muted_views, views)):
            wrong = sorted(number for number in numbers if not 0 <= number < limit)
            if wrong:
                raise ConfigError(f"Expected a {what} between 0 and {limit - 1}, found {wrong[0]}.")


NO_INTERVENTIONS = Interventions()
