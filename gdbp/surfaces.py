r"""The loss over a plane of two parameters: what a picture of a loss surface shows.

All parameters but two are held at a point θ. What is left is a function of two numbers. The grid
that is drawn and the path that is drawn on it are both made with this one function, so the path
lies on the surface.

Any function of the parameters can be drawn so. `DataLoss`, the loss of a network over data, knows
how it was made, and `loss_grid` draws it in a form that computes nothing twice.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from gdbp import _checks
from gdbp._checks import Array
from gdbp._trees import ravel
from gdbp.backprop import ACTIVATIONS, IN_PLACE, Network, Params

METHODS = ("auto", "points", "blocks", "parabolas", "polynomial")
"""How `loss_grid` may compute a grid."""

_BLOCK = 2**18  # numbers in an intermediate result: two megabytes, which stay in the cache


class LossGrid(NamedTuple):
    """A loss over a grid of two parameters, in the layout that `contour` and `plot_surface` take.

    Attributes:
        u: The first parameter at each point, shape (n_v, n_u).
        v: The second parameter at each point, shape (n_v, n_u).
        loss: The loss at each point, shape (n_v, n_u).
    """

    u: Array
    v: Array
    loss: Array


def restrict(
    loss_fn: Callable[[Array], Any], params: ArrayLike, i: int, j: int
) -> Callable[[ArrayLike], Any]:
    r"""Restrict a loss to the plane of two parameters.

    $$g(u, v) = L(\theta_1, \dots, \theta_i = u, \dots, \theta_j = v, \dots, \theta_p)$$

    Args:
        loss_fn: The loss, batched: from parameters of shape (…, p) to losses of shape (…).
        params: The point θ, shape (p,), which fixes the other parameters. It is copied.
        i: The index of the first parameter, from 0 to p − 1.
        j: The index of the second parameter, another one.

    Returns:
        The function g, batched: from points of shape (…, 2) to losses of shape (…).

    Raises:
        TypeError: `loss_fn` is not a function, an index is not an integer, `params` is not real.
        ValueError: `params` is not a vector of at least two finite numbers, an index is out of
            range, or both are the same. The function raises ValueError for points without a last
            axis of 2, and where `loss_fn` does not return one loss a point.

    Examples:
        >>> loss = lambda theta: (theta**2).sum(axis=-1)
        >>> g = restrict(loss, [1.0, 2.0, 3.0], 0, 2)
        >>> float(g([0.0, 0.0])), float(g([1.0, 3.0]))
        (4.0, 14.0)
    """
    _checks.function("loss_fn", loss_fn)
    theta = np.array(_checks.float_array("params", params, ndim=1))
    _indices(i, j, theta.size)

    def g(points: ArrayLike) -> Any:
        uv = _checks.float_array("points", points)
        if uv.shape[-1:] != (2,):
            raise ValueError(f"points needs a last axis of 2, got shape {uv.shape}")
        thetas = np.empty((*uv.shape[:-1], theta.size))
        thetas[...] = theta
        thetas[..., i], thetas[..., j] = uv[..., 0], uv[..., 1]
        losses = np.asarray(loss_fn(thetas))
        if losses.shape != uv.shape[:-1]:
            raise ValueError(
                f"loss_fn needs to return one loss a point, shape {uv.shape[:-1]}, "
                f"got shape {losses.shape}"
            )
        return losses[()]

    return g


def loss_grid(
    loss_fn: Callable[[Array], Any],
    params: ArrayLike,
    i: int,
    j: int,
    u: ArrayLike,
    v: ArrayLike,
    *,
    method: str = "auto",
) -> LossGrid:
    """Evaluate a loss over a grid of two parameters, all points in one call.

    Args:
        loss_fn: The loss, batched: from parameters of shape (…, p) to losses of shape (…). A
            `DataLoss` is faster than another function with the same values.
        params: The point θ, shape (p,), which fixes the other parameters. It is copied.
        i: The index of the first parameter, from 0 to p − 1.
        j: The index of the second parameter, another one.
        u: The values of the first parameter, shape (n_u,).
        v: The values of the second parameter, shape (n_v,).
        method: "points" calls the loss with the parameters of all points. For a `DataLoss` there
            are three more, described there: "blocks", "parabolas" and "polynomial". "auto" takes
            the fastest that is exact.

    Returns:
        The grid; its arrays have shape (n_v, n_u). `u` and `v` are read-only views: each holds
        its values once.

    Raises:
        TypeError: As for `restrict`.
        ValueError: As for `restrict`, or `u` or `v` is not a vector of finite numbers, `method`
            is unknown, or cannot be used here.

    Note:
        `loss_fn` is called once, on a fresh array. A model whose weights have to be overwritten
        to be evaluated cannot be drawn this way, and that is the point.

    Examples:
        >>> grid = loss_grid(lambda t: t[..., 0] * t[..., 1], [0.0, 0.0], 0, 1, [1.0, 2.0], [5.0])
        >>> grid.loss
        array([[ 5., 10.]])

    References:
        :cite:t:`li2018visualizing` draws large networks so.
    """
    _checks.choice("method", method, METHODS)
    if isinstance(loss_fn, DataLoss) and method != "points":
        return loss_fn._grid(params, i, j, u, v, method)
    if method not in ("auto", "points"):
        raise ValueError(f"method needs 'auto' or 'points' for a function, got {method!r}")
    g = restrict(loss_fn, params, i, j)
    u, v = _checks.float_array("u", u, ndim=1), _checks.float_array("v", v, ndim=1)
    points = np.stack(np.meshgrid(u, v), axis=-1)
    return _loss_grid(u, v, g(points))


def _loss_grid(u: Array, v: Array, loss: Array) -> LossGrid:
    """Give the two vectors the grid's shape, without writing each of their values n times."""
    shape = (v.size, u.size)
    u, v = u.copy(), v.copy()  # the caller's own may change
    # What np.broadcast_to makes, in a tenth of its time.
    grid_u = np.ndarray(shape, u.dtype, u, strides=(0, u.itemsize))
    grid_v = np.ndarray(shape, v.dtype, v, strides=(v.itemsize, 0))
    grid_u.flags.writeable = grid_v.flags.writeable = False
    return LossGrid(grid_u, grid_v, loss)


class _Place(NamedTuple):
    """Where a parameter is: `W[row, column]` of a layer, or `b[column]`, and then it has no row."""

    layer: int
    row: int | None
    column: int


class _Layer(NamedTuple):
    """The parts of θ that hold a layer's parameters; `b` is empty for no bias."""

    W: slice
    shape: tuple[int, int]
    b: slice


class _Columns(NamedTuple):
    """Some columns of a layer's output, at all the points on which they depend.

    Attributes:
        columns: Which columns these are, c of them.
        value: Their values, shape (n_first or 1, n_second or 1, n, c): the length is 1 where the
            columns are the same for all values of that parameter.
    """

    columns: list[int]
    value: Array


class _Memory:
    """Memory for the intermediate results of a block, to be used again for the next.

    The system hands large arrays out as pages that it fills with zeros when they are touched. To
    take new ones for each result would take longer than to compute it.
    """

    def __init__(self) -> None:
        self._buffer: Array = np.empty(0)
        self._used = 0

    def free(self) -> None:
        """Take back all arrays that were handed out: the next ones overwrite them."""
        if self._used > self._buffer.size:
            self._buffer = np.empty(self._used)
        self._used = 0

    def array(self, shape: tuple[int, ...]) -> Array:
        """Return an array to fill."""
        start, self._used = self._used, self._used + math.prod(shape)
        if self._used > self._buffer.size:
            return np.empty(shape)
        return self._buffer[start : self._used].reshape(shape)


class _Change(NamedTuple):
    """A parameter that varies, at the values of a block: (n, 1, 1, 1) or (n, 1, 1)."""

    place: _Place
    values: Array


class DataLoss:
    r"""The loss of a network over data, as a function of all its parameters in one vector.

    $$L(\theta) = \frac1n \sum_{k=1}^{n} \ell\big(y_k, \hat y(x_k; \theta)\big)$$

    It can be drawn, restricted and minimized as any function of θ. Its grids are computed in one
    of these forms (`method` of `loss_grid`):

    - "points": the network runs with the parameters of each point, as `L(θ)` does.
    - "blocks": one weight changes one column of its layer's sums. What lies below the two weights
      is computed once; what lies between them, once for each value of the lower one; and in each
      layer only the columns that change. The points are taken in blocks that stay in the cache.
    - "polynomial": if no activation but the identity lies above the lower weight, then
      $\hat y - y = R_0 + u R_1 + v R_2 + uv R_3$, and the mean of its square is a polynomial in u
      and v. Its nine coefficients are sums over the data, taken once: the grid is a product of
      three small matrices, $V C U^\top$ with the rows $(1, v, v^2)$ and $(1, u, u^2)$.
    - "parabolas": if an activation lies between the two weights, but none other than the identity
      above the higher one, then $\hat y - y$ is affine in that one, and the mean of its square is
      a parabola. Each value of the lower weight has its own: its three coefficients are sums over
      the data.

    Args:
        network: The network.
        params: Parameters that fit it; θ has their order, layer by layer.
        X: The inputs, shape (n, d_in), a sample a row.
        y: The targets: shape (n, d_out) for "mse", integer labels of shape (n,) for
            "softmax_cross_entropy".

    Attributes:
        network: The network.
        theta: `params` as one vector, shape (p,).

    Raises:
        TypeError: An argument does not hold numbers of the right kind.
        ValueError: A shape does not fit, or an array is empty or not finite. The function raises
            ValueError for parameters without a last axis of p, and where the loss is not finite.

    Note:
        **Sufficient statistics.** If all activations are the identity and the loss is "mse", then
        $\hat y - y = [X \; 1 \; y]\, m$ for some matrix m that depends on θ alone. With
        $[X \; 1 \; y] = QR$, and because Q keeps lengths, $\lVert \hat y - y \rVert =
        \lVert R\, m \rVert$. So the d_in + 1 + d_out rows of R stand for all samples, however many
        there are. This is as exact as the samples themselves. Sums of squares and products,
        such as $X^\top X$, are not where the loss is small: there large numbers cancel.

        **Rounding.** The terms of a polynomial or parabola cancel in the same way. "auto" bounds
        them, and takes "blocks" if the smallest loss of the grid is below 1/1000 of that bound. So
        the rounding stays below $10^{-12}$ of each loss.

    Examples:
        >>> from gdbp.backprop import worked_example
        >>> example = worked_example()
        >>> loss = DataLoss(example.network, example.params, example.X, example.Y)
        >>> loss.theta
        array([1. , 0.5, 0.5, 0.7, 1. , 2. ])
        >>> round(float(loss(loss.theta)), 12)
        4.41
        >>> loss_grid(loss, loss.theta, 0, 4, [-1.0, 1.0], [0.0, 1.0]).loss.round(12)
        array([[1.21, 1.21],
               [1.21, 4.41]])

    References:
        :cite:t:`li2018visualizing`.
    """

    def __init__(self, network: Network, params: Params, X: ArrayLike, y: ArrayLike) -> None:
        layers = network.layers(params)
        network.loss(params, X, y)  # says what is wrong with the data
        self.network = network
        self.theta: Array = ravel(layers)[0]
        self._layers, self._places = _layout(layers)
        self._X = np.asarray(X, np.float64)
        self._ones = np.ones((len(self._X), 1))  # what a bias is multiplied with
        self._is_mse = network.loss_name == "mse"
        self._y = np.asarray(y, np.float64 if self._is_mse else None)
        self._size = self._y.size  # the losses' denominator: samples, times outputs for "mse"
        self._first_linear_layer = _first_linear_layer(network)
        if self._is_mse and self._first_linear_layer == 0:
            self._reduce_data()

    def __call__(self, theta: ArrayLike) -> Any:
        """Compute the loss at parameters of shape (…, p), all at once; returns shape (…)."""
        thetas = _checks.float_array("theta", theta)
        if thetas.shape[-1:] != self.theta.shape:
            raise ValueError(
                f"theta needs a last axis of {self.theta.size}, got shape {thetas.shape}"
            )
        points = thetas.reshape(-1, self.theta.size)
        step = self._block_length(-1)
        losses = np.empty(len(points))
        with np.errstate(over="ignore", invalid="ignore"):  # _finite says it
            for start in range(0, len(points), step):
                block = points[start : start + step]
                losses[start : start + step] = self._losses(self._outputs(block))
        return _finite(losses.reshape(thetas.shape[:-1]))[()]

    def _reduce_data(self) -> None:
        """Replace the samples by the few rows that have the same sum of squares at every θ."""
        data = np.hstack([self._X, self._ones, self._y])
        if len(data) > data.shape[1]:
            d_in = self._X.shape[1]
            rows = np.linalg.qr(data, mode="r")
            self._X, self._ones, self._y = np.split(rows, [d_in, d_in + 1], axis=1)

    def _outputs(self, thetas: Array) -> Array:
        """Run the network with the parameters of each point, shape (n_points, p)."""
        a = self._X
        for layer, name in zip(self._layers, self.network.activations, strict=True):
            z = a @ thetas[:, layer.W].reshape(-1, *layer.shape)
            if layer.b != _NO_BIAS:
                z += self._ones * thetas[:, np.newaxis, layer.b]
            a = ACTIVATIONS[name].f(z)
        return a

    def _losses(self, outputs: Array) -> Array:
        """Compute the loss of outputs of shape (…, n, d_out); returns shape (…)."""
        if self._is_mse:
            residuals = outputs - self._y
            return _sum_of_products(residuals, residuals) / self._size
        largest, log_sums = _log_sums(outputs)
        n, n_classes = outputs.shape[-2:]
        flat = outputs.reshape(*outputs.shape[:-2], -1)
        of_labels = flat.take(np.arange(n) * n_classes + self._y, axis=-1)
        return np.asarray((log_sums - (of_labels - largest)).sum(axis=-1) / n)

    # --- grids ---

    def _grid(
        self, params: ArrayLike, i: int, j: int, u: ArrayLike, v: ArrayLike, method: str
    ) -> LossGrid:
        theta = np.array(_checks.float_array("params", params, shape=self.theta.shape), np.float64)
        _indices(i, j, theta.size)
        theta[i] = theta[j] = 0.0  # what varies is added to the sums without it
        u, v = _checks.float_array("u", u, ndim=1), _checks.float_array("v", v, ndim=1)
        places = self._places[i], self._places[j]
        fast = self._fast_form(places)
        if method not in ("auto", "blocks", fast):
            raise ValueError(
                f"method={method!r} needs the loss 'mse', and only 'identity' as activation from "
                f"the {'lower' if method == 'polynomial' else 'higher'} of the two layers on"
            )
        with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is refused below
            if fast and method != "blocks":
                form = self._polynomial if fast == "polynomial" else self._parabolas
                loss, largest_term = form(theta, places, u, v)
                if method == fast or largest_term <= 1000 * loss.min() < math.inf:
                    return _loss_grid(u, v, _finite(loss) if method == fast else loss)
            return _loss_grid(u, v, _finite(self._blocks(theta, places, u, v)))

    def _fast_form(self, places: tuple[_Place, _Place]) -> str | None:
        """Return the name of the form that is faster than "blocks", if one holds."""
        if not self._is_mse:
            return None
        low, high = sorted(place.layer for place in places)
        if self._first_linear_layer <= low:
            return "polynomial"
        return "parabolas" if self._first_linear_layer <= high else None

    def _polynomial(
        self, theta: Array, places: tuple[_Place, _Place], u: Array, v: Array
    ) -> tuple[Array, float]:
        """Compute the grid as V C Uᵀ, and a bound of the terms that are added."""
        low = min(places[0].layer, places[1].layer)
        R = self._terms(theta, low, self._below(theta, low), self._ones, places)
        R[0, 0] -= self._y
        R = R.reshape(4, -1)
        gram = (R.dot(R.T) / self._size).tolist()
        (g00, g01, g02, g03), (_, g11, g12, g13), (_, _, g22, g23), (_, _, _, g33) = gram
        C = [[g00, 2 * g01, g11], [2 * g02, 2 * (g03 + g12), 2 * g13], [g22, 2 * g23, g33]]
        loss = _powers(v).T.dot(C).dot(_powers(u))
        x, y = _largest(u), _largest(v)
        rows = [abs(c0) + x * abs(c1) + x * x * abs(c2) for c0, c1, c2 in C]
        return loss, rows[0] + y * rows[1] + y * y * rows[2]

    def _parabolas(
        self, theta: Array, places: tuple[_Place, _Place], u: Array, v: Array
    ) -> tuple[Array, float]:
        """Compute the grid with a parabola of the higher parameter for each value of the lower."""
        if places[0].layer > places[1].layer:
            loss, largest_term = self._parabolas(theta, places[::-1], v, u)
            return loss.T, largest_term
        C = np.empty((3, u.size))
        high = places[1]
        for at_u, _, between in self._blocks_of_lower(theta, places, u, 1):
            a = _whole(between).reshape(-1, self._layers[high.layer].shape[0])
            ones = np.tile(self._ones, (len(a) // len(self._X), 1))
            terms = self._terms(theta, high.layer, a, ones, (None, high))
            R0, R1 = terms.reshape(2, -1, *self._y.shape)
            R0 = R0 - self._y
            C[0, at_u] = _sum_of_products(R0, R0)
            C[1, at_u] = 2 * _sum_of_products(R0, R1)
            C[2, at_u] = _sum_of_products(R1, R1)
        C /= self._size
        largest_terms = _largest(v) ** np.arange(3) @ np.abs(C)
        return _powers(v).T.dot(C), float(largest_terms.max())

    def _terms(
        self,
        theta: Array,
        start: int,
        inputs: Array,
        ones: Array,
        places: tuple[_Place | None, _Place],
    ) -> Array:
        """Run layers without activation on polynomials in u and v: on each term's coefficient.

        Args:
            theta: The parameters, 0 for those that vary.
            start: The layer to start with.
            inputs: Its inputs, which do not vary, shape (n, d).
            ones: What a bias is multiplied with, shape (n, 1).
            places: Where u and v are; without u there are no terms with it.

        Returns:
            The coefficients of the network's output, shape (2, 2, n, d_out), or (2, 1, n, d_out)
            without u: at [1, 0] that of v, at [0, 1] that of u, at [1, 1] that of uv.
        """
        u, v = places
        shape = (2, 1 if u is None else 2, *inputs.shape)
        a = np.zeros(shape)
        a[0, 0] = inputs
        for k in range(start, len(self._layers)):
            W = self._W(theta, k)
            z = a.reshape(-1, W.shape[0]).dot(W).reshape(*shape[:3], W.shape[1])
            if self._layers[k].b != _NO_BIAS:
                z[0, 0] += ones * theta[self._layers[k].b]
            if u is not None and u.layer == k:
                if u.row is None:
                    z[0, 1, :, u.column] += ones[:, 0]
                else:
                    z[:, 1, :, u.column] += a[:, 0, :, u.row]
            if v.layer == k:
                if v.row is None:
                    z[1, 0, :, v.column] += ones[:, 0]
                else:
                    z[1, :, :, v.column] += a[0, :, :, v.row]
            a = z
        return a

    def _blocks(self, theta: Array, places: tuple[_Place, _Place], u: Array, v: Array) -> Array:
        """Compute the grid block by block, each column at no more points than it depends on."""
        if places[0].layer > places[1].layer:
            return self._blocks(theta, places[::-1], v, u).T
        losses, memory = np.empty((u.size, v.size)), _Memory()
        high = places[1]
        for at_u, change, inputs in self._blocks_of_lower(theta, places, u, v.size):
            length = self._block_length(high.layer) // len(change.values)
            for at_v in _slices(v.size, max(1, length)):
                memory.free()
                losses[at_u, at_v] = self._block(theta, inputs, change, high, v[at_v], memory)
        return losses.T

    def _block(
        self,
        theta: Array,
        inputs: list[_Columns],
        change: _Change,
        high: _Place,
        values: Array,
        memory: _Memory,
    ) -> Array:
        """Compute the losses at the values of the lower parameter and the higher one.

        Args:
            theta: The parameters, 0 for those that vary.
            inputs: What goes into the layer of the higher parameter.
            change: The lower parameter, with its values.
            high: Where the higher parameter is.
            values: Its values.
            memory: Where to put the intermediate results.
        """
        n_layers = len(self._layers)
        if self._moves_one_logit(high):
            logits = _whole(self._advance(inputs, theta, high.layer, n_layers, [change], memory))
            x = self._ones[np.newaxis] if high.row is None else _column(inputs, high.row)[:, 0]
            return self._losses_where_one_logit_moves(
                logits[:, 0], x[..., 0], values, high.column, memory
            )
        changes = [change, _Change(high, values[:, np.newaxis, np.newaxis])]
        return self._losses_of_columns(
            self._advance(inputs, theta, high.layer, n_layers, changes, memory)
        )

    def _moves_one_logit(self, place: _Place) -> bool:
        """Tell whether a parameter changes one of several logits, along a line."""
        last = len(self._layers) - 1
        return (
            not self._is_mse
            and self._first_linear_layer <= place.layer == last
            and self._layers[last].shape[1] > 1
        )

    def _blocks_of_lower(
        self, theta: Array, places: tuple[_Place, _Place], u: Array, n_higher: int
    ) -> Iterator[tuple[slice, _Change, list[_Columns]]]:
        """Yield the values of the lower parameter in blocks, with the higher layer's inputs.

        A block has few of them if each belongs to many of the higher one, `n_higher`: what does
        not depend on the higher one is then computed once.
        """
        low, high = places[0].layer, places[1].layer
        inputs, memory = self._below(theta, low), _Memory()
        start = [_Columns(list(range(inputs.shape[1])), inputs[np.newaxis, np.newaxis])]
        length = min(self._block_length(low), self._block_length(high) // n_higher)
        for at_u in _slices(u.size, max(1, length)):
            change = _Change(places[0], u[at_u, np.newaxis, np.newaxis, np.newaxis])
            memory.free()
            yield at_u, change, self._advance(start, theta, low, high, [change], memory)

    def _block_length(self, start: int) -> int:
        """Return how many points fit in a block, if one column of layer `start` changes."""
        widest = max([1, *(layer.shape[1] for layer in self._layers[start + 1 :])])
        return max(1, _BLOCK // (len(self._X) * widest))

    def _advance(
        self,
        a: list[_Columns],
        theta: Array,
        start: int,
        stop: int,
        changes: list[_Change],
        memory: _Memory,
    ) -> list[_Columns]:
        """Run the layers from `start` to before `stop`, columns by columns."""
        for k in range(start, stop):
            W, b = self._W(theta, k), theta[self._layers[k].b]
            terms = [_times(part.value, W[part.columns], memory) for part in a]
            if b.size:
                terms.append(self._ones * b)
            z = _sum(terms, memory)
            moved: dict[int, list[Array]] = {}
            for place, values in changes:
                if place.layer == k:
                    source = self._ones if place.row is None else _column(a, place.row)
                    moved.setdefault(place.column, []).append(_product(values, source, memory))
            rest = [column for column in range(W.shape[1]) if column not in moved]
            a = [_Columns(rest, z[..., rest] if moved else z)] if rest else []
            for c, change in moved.items():
                a.append(_Columns([c], _sum([z[..., c : c + 1], *change], memory)))
            f = IN_PLACE[self.network.activations[k]].f
            for part in a:
                f(part.value, memory.array(part.value.shape))
        return a

    def _losses_of_columns(self, a: list[_Columns]) -> Array:
        """Compute the loss from the outputs, which are overwritten."""
        if self._is_mse:  # a sum over outputs, so that columns that do not change count once
            total: Array = np.zeros(())
            for part in a:
                residuals = np.subtract(part.value, self._y[:, part.columns], out=part.value)
                total = total + _sum_of_products(residuals, residuals)
            return total / self._size
        return self._losses(_whole(a))

    def _losses_where_one_logit_moves(
        self, logits: Array, inputs: Array, values: Array, c: int, memory: _Memory
    ) -> Array:
        r"""Compute the cross-entropy of the logits with $z_c + v x$ in the place of $z_c$.

        The other classes act as one, whose logit is $s = \log \sum_{k \ne c} e^{z_k}$: a sample of
        class c has the loss $\log(1 + e^{s - z_c - vx})$, and another one, of class y,
        $\log(1 + e^{z_c + vx - s}) + s - z_y$.

        Args:
            logits: Shape (n_first, n, n_classes).
            inputs: x, shape (n_first or 1, n).
            values: v, shape (n_second,).
            c: The class.
            memory: Where to put what is large.

        Returns:
            The losses, shape (n_first, n_second).
        """
        is_c, others = self._y == c, np.delete(logits, c, axis=-1)
        largest, log_sums = _log_sums(others)
        of_labels = others[..., np.arange(len(is_c)), self._y - (self._y >= c)]
        among_others = np.where(is_c, 0.0, largest - of_labels + log_sums)
        sign = np.where(is_c, -1.0, 1.0)
        start = sign * (logits[..., c] - largest - log_sums)
        d = memory.array((len(logits), values.size, len(is_c)))
        np.multiply(values[:, np.newaxis], (sign * inputs)[:, np.newaxis], out=d)
        d += start[:, np.newaxis]
        return (_sum_of_softplus(d) + _sum_of_last(among_others)[:, np.newaxis]) / len(is_c)

    def _below(self, theta: Array, stop: int) -> Array:
        """Run the layers before `stop`, which do not vary."""
        a = self._X
        for k in range(stop):
            z = a.dot(self._W(theta, k))
            if self._layers[k].b != _NO_BIAS:
                z += self._ones * theta[self._layers[k].b]
            a = ACTIVATIONS[self.network.activations[k]].f(z)
        return a

    def _W(self, theta: Array, k: int) -> Array:
        layer = self._layers[k]
        return theta[layer.W].reshape(layer.shape)


_NO_BIAS = slice(0, 0)


def _layout(layers: Params) -> tuple[list[_Layer], list[_Place]]:
    """Say where in θ each layer's parameters are, and to what each number of θ belongs."""
    parts: list[_Layer] = []
    places: list[_Place] = []
    for k, layer in enumerate(layers):
        slices = {"b": _NO_BIAS}
        for name, array in layer.items():
            slices[name] = slice(len(places), len(places) + array.size)
            for index in np.ndindex(array.shape):
                row, column = index if name == "W" else (None, *index)
                places.append(_Place(k, row, column))
        parts.append(_Layer(slices["W"], layer["W"].shape, slices["b"]))
    return parts, places


def _first_linear_layer(network: Network) -> int:
    """Return the layer from which on there is no activation; their number if there is none."""
    k = len(network.activations)
    while k > 0 and network.activations[k - 1] == "identity":
        k -= 1
    return k


def _indices(i: int, j: int, size: int) -> None:
    _checks.integer("i", i, minimum=0, maximum=size - 1)
    _checks.integer("j", j, minimum=0, maximum=size - 1)
    if i == j:
        raise ValueError(f"j needs another index than i, got {j} for both")


def _slices(size: int, step: int) -> list[slice]:
    return [slice(start, start + step) for start in range(0, size, step)]


def _powers(x: Array) -> Array:
    """Return 1, x and x², shape (3, n)."""
    powers = np.empty((3, x.size))
    powers[0], powers[1] = 1.0, x
    np.multiply(x, x, out=powers[2])
    return powers


def _product(a: Array, b: Array, memory: _Memory) -> Array:
    """Multiply element by element."""
    return np.multiply(a, b, out=memory.array(np.broadcast(a, b).shape))


def _times(a: Array, W: Array, memory: _Memory) -> Array:
    if len(W) == 1:  # an outer product; numpy's matmul is slow there
        return _product(a, W, memory)
    return np.matmul(a, W, out=memory.array((*a.shape[:-1], W.shape[1])))


def _sum(terms: list[Array], memory: _Memory) -> Array:
    """Add arrays, and overwrite them: the small ones first, so that few sums are large."""
    total, *others = sorted(terms, key=lambda term: term.size)
    for term in others:
        shape = np.broadcast(total, term).shape
        out = term if term.shape == shape else memory.array(shape)
        total = np.add(total, term, out=out)
    return total


def _column(a: list[_Columns], column: int) -> Array:
    part = next(part for part in a if column in part.columns)
    at = part.columns.index(column)
    return part.value[..., at : at + 1]


def _whole(a: list[_Columns]) -> Array:
    """Put the columns together, shape (…, n, d)."""
    shape = np.broadcast_shapes(*(part.value.shape[:-1] for part in a))
    whole = np.empty((*shape, sum(len(part.columns) for part in a)))
    for part in a:
        whole[..., part.columns] = part.value
    return whole


def _sum_of_products(a: Array, b: Array) -> Array:
    """Sum over the last two axes: samples and outputs."""
    shape = (*a.shape[:-2], -1)
    return np.asarray(np.vecdot(a.reshape(shape), b.reshape(shape)))


def _log_sums(logits: Array) -> tuple[Array, Array]:
    """Return the largest logit, and the log of the sum of exp of the differences to it."""
    # With the classes as the first axis, max and sum run over whole arrays.
    z = np.ascontiguousarray(np.moveaxis(logits, -1, 0))
    largest = z.max(axis=0)
    return largest, np.log(np.exp(z - largest).sum(axis=0))


def _sum_of_softplus(d: Array) -> Array:
    """Sum log(1 + exp d) over the last axis, and overwrite d."""
    if d.max() > 700:  # exp would overflow; logaddexp takes its time
        return np.asarray(np.logaddexp(0, d).sum(axis=-1))
    np.add(np.exp(d, out=d), 1, out=d)
    return _sum_of_last(np.log(d, out=d))


def _sum_of_last(x: Array) -> Array:
    return x @ np.ones(x.shape[-1])  # in a third of the time of sum(axis=-1)


def _largest(x: Array) -> float:
    return float(np.abs(x).max())


def _finite(losses: Array) -> Array:
    return _checks.float_array("the loss", losses)
