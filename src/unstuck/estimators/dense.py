"""What the classifier and the regressor share: parameters, training, early stopping, prediction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from unstuck import engine
from unstuck.estimators.rows import Scaling, dense, repeated
from unstuck.facts import Array, Data, Recipe

SHOWN = 10_000  # rows on which the training loss is measured
LEAST_ROWS = 2  # that are set aside, and that are left
TYPES = {"accept_sparse": ("csr", "csc", "coo"), "dtype": np.float64}


class Dense(BaseEstimator):  # type: ignore[misc]
    """A dense network, trained by the engine; see its two heirs for the parameters."""

    def __init__(
        self,
        hidden_layer_sizes: int | Sequence[int] = (64,),
        activation: str = "relu",
        *,
        bias: bool = True,
        dropout: float = 0.0,
        optimiser: str = "adam",
        learning_rate: float = 0.003,
        momentum: float = 0.9,
        weight_decay: float = 1e-4,
        batch_size: int = 32,
        max_epochs: int = 200,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_epochs_no_change: int = 10,
        tol: float = 1e-4,
        warm_start: bool = False,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.bias = bias
        self.dropout = dropout
        self.optimiser = optimiser
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_epochs_no_change = n_epochs_no_change
        self.tol = tol
        self.warm_start = warm_start
        self.random_state = random_state

    # ----- What the heirs say -------------------------------------------------------------------------

    def _output(self) -> tuple[str, str]:
        """Activation of the last layer, and the loss."""
        raise NotImplementedError

    def _scaled(self, targets: Array) -> Scaling:
        """How targets are scaled before they are learnt."""
        raise NotImplementedError

    def _score_of(self, shown: Array, targets: Array) -> float:
        """How good outputs are: accuracy or R2."""
        raise NotImplementedError

    # ----- Training -----------------------------------------------------------------------------------

    def _fit(self, x: Array, targets: Array, sample_weight: Any, epochs: int, *, anew: bool) -> Self:
        """Train on checked rows (n, d) and targets (n, k)."""
        weights = None
        if sample_weight is not None:
            weights = _check_sample_weight(sample_weight, x, dtype=np.float64, ensure_non_negative=True)
        rows, targets = repeated(dense(x), targets, weights)
        draws = check_random_state(self.random_state)
        if anew or not hasattr(self, "_state"):
            self._scaling, self._target_scaling = Scaling.of(rows), self._scaled(targets)
            self._seed = int(draws.randint(2**31 - 1))
            self._recipe = self._new_recipe(rows.shape[1], targets.shape[1])
            self._state = engine.drawn(self._recipe, self._seed)
            self.loss_curve_: list[float] = []
            self.validation_scores_: list[float] = []
            self._epoch = 0  # that was trained last: its number names its random draws
        rows, targets = self._scaling.applied(rows), self._target_scaling.applied(targets)
        stopping = self.early_stopping and epochs > 1
        held = self._held_out(len(rows), draws) if stopping else np.zeros(len(rows), bool)
        self._train(rows[~held], targets[~held], rows[held], targets[held], epochs)
        return self

    def _new_recipe(self, inputs: int, outputs: int) -> Recipe:
        hidden = self.hidden_layer_sizes
        sizes = (hidden,) if isinstance(hidden, int | np.integer) else tuple(hidden)
        output, loss = self._output()
        recipe = Recipe(
            layers=(inputs, *map(int, sizes), outputs),
            activation=self.activation,
            output=output,
            loss=loss,
            bias=self.bias,
            dropout=self.dropout,
            dropout_scale=1 / (1 - self.dropout) if self.dropout < 1 else 1.0,
            optimiser=self.optimiser,  # type: ignore[arg-type]
            momentum=self.momentum,
            rate=self.learning_rate,
            decay=self.weight_decay,
            decoupled=self.optimiser not in ("sgd", "momentum", "nesterov"),
            batch=self.batch_size,
        )
        reason = engine.supports(recipe)
        if reason:
            raise ValueError(f"{type(self).__name__}: {reason}")
        return recipe

    def _held_out(self, rows: int, draws: np.random.RandomState) -> Array:
        """Which rows are set aside to see when to stop."""
        number = max(LEAST_ROWS, round(self.validation_fraction * rows))
        if rows - number < LEAST_ROWS:
            raise ValueError(
                f"early_stopping sets {number} of {rows} rows aside, which leaves too few to train on; "
                "give more rows, or early_stopping=False"
            )
        held = np.zeros(rows, bool)
        held[draws.permutation(rows)[:number]] = True
        return held

    def _train(self, x: Array, y: Array, x_held: Array, y_held: Array, epochs: int) -> None:
        """Train until the epochs are over, or the loss (or the score of the rows held out) no longer gets better."""
        recipe = replace(self._recipe, batch=min(self.batch_size, len(x)))
        classes = y.shape[1] if recipe.loss != "squared" else 0
        single = engine.Single(recipe, Data(x, y, x[:1], y[:1], classes), self._seed, self._state)
        shown = slice(None, None, -(-len(x) // SHOWN))
        best, state, since = -np.inf, self._state, 0
        for self.n_iter_ in range(1, epochs + 1):
            self._epoch += 1
            single.train(range(self._epoch, self._epoch + 1))
            self._state = single.state
            self.loss_curve_.append(self._loss(x[shown], y[shown]))
            reached = -self.loss_curve_[-1]
            if len(x_held):
                reached = self._score_of(self._shown(x_held), y_held)
                self.validation_scores_.append(reached)
            since = 0 if reached > best + self.tol else since + 1
            if reached > best:
                best, state = reached, self._state
            if since >= self.n_epochs_no_change:
                break
        if len(x_held):
            self._state = state

    def _loss(self, x: Array, y: Array) -> float:
        with np.errstate(all="ignore"):
            return engine.loss(self._recipe, np.clip(self._shown(x), *self._range()), y)

    def _range(self) -> tuple[float, float]:
        """Within which outputs can be judged: a probability of 0 has no logarithm."""
        return (1e-15, 1.0) if self._recipe.loss != "squared" else (-np.inf, np.inf)

    # ----- Prediction ---------------------------------------------------------------------------------

    def _shown(self, x: Array) -> Array:
        """What the network shows for scaled rows (n, d): (n, k)."""
        return engine.forward(self._recipe, self.coefs_, self.intercepts_, x)

    def _predicted(self, x: Any) -> Array:
        """What the network shows for rows as they come."""
        check_is_fitted(self)
        rows = dense(validate_data(self, x, reset=False, **TYPES))
        return self._shown(self._scaling.applied(rows))

    @property
    def coefs_(self) -> list[Array]:
        """Weight matrices (inputs, outputs), for inputs that are scaled."""
        return [w[:-1].astype(np.float64) for w in self._state.weights]

    @property
    def intercepts_(self) -> list[Array]:
        """Bias vectors (outputs,)."""
        return [w[-1].astype(np.float64) for w in self._state.weights]

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_state")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
