"""GRUs on a CPU in a handful of operations per step.

A GRU is nearly all overhead at the sizes of this package. Here a step is six operations forward and three
backward, both directions of a layer advance together, and what does not depend on the step before is one
product over a chunk of steps that fits the cache.

In a chunk of c steps the rows of the gates are, H each: n, r, z, and g, the recurrent part of n, which r
multiplies: ``h = (1 - z) n + z h'`` with ``n = tanh(a + r g)`` (as in
:class:`torch.nn.GRU`). The input feeds the first three, the state the last three.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.autograd.function import once_differentiable

_CHUNK_VALUES = 1 << 18
"""Gate values of a chunk of steps: 1 MB in float32."""

_NARROW = 32
"""Hidden channels up to which the number of sequences does not matter to the products."""

_STEP_VALUES = 1 << 16
"""Gate values of one step: enough sequences to hide the calls, few enough for the cache."""


def gru(layer: nn.GRU, x: torch.Tensor) -> torch.Tensor:
    """Run a GRU of one layer over time, from a state of 0, in the precision of its parameters.

    Args:
        layer: D directions (1 or 2) of H channels; its own ``forward`` is the definition.
        x: (B, C, T).

    Returns:
        The states (B, D * H, T); on a CPU the batch lies innermost in memory.
    """
    return _run(layer, x, last=False)


def gru_last(layer: nn.GRU, x: torch.Tensor) -> torch.Tensor:
    """Like :func:`gru` for one direction, but return the state after the last step only, (B, H)."""
    return _run(layer, x, last=True)[..., 0]


def _run(layer: nn.GRU, x: torch.Tensor, last: bool) -> torch.Tensor:
    with torch.autocast(x.device.type, enabled=False):
        x = x.to(next(layer.parameters()).dtype)
        if x.device.type != "cpu":
            # cuDNN has a fused scan of its own.
            states = layer(x.transpose(1, 2))[0].transpose(1, 2)
            return states[..., -1:] if last else states
        parameters = _parameters(layer)
        learns = torch.is_grad_enabled() and any(p.requires_grad for p in (x, *parameters))
        return _Scan.apply(x, *parameters, last, learns)


def _parameters(layer: nn.GRU) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return weights and biases of the input, weights of the state and its bias for n; see :class:`_Scan`."""
    hidden = layer.hidden_size
    w_in, w_state, b_state = [], [], []
    for suffix in ("_l0", "_l0_reverse") if layer.bidirectional else ("_l0",):
        weight: torch.Tensor = getattr(layer, "weight_ih" + suffix)
        bias = of_state = weight.new_zeros(3 * hidden)
        if layer.bias:
            bias, of_state = getattr(layer, "bias_ih" + suffix), getattr(layer, "bias_hh" + suffix)
        bias = torch.cat((bias[: 2 * hidden] + of_state[: 2 * hidden], bias[2 * hidden :]))
        # From the order r, z, n to n, r, z.
        w_in.append(torch.cat((weight, bias.unsqueeze(1)), 1).roll(hidden, 0))
        w_state.append(getattr(layer, "weight_hh" + suffix))
        b_state.append(of_state[2 * hidden :])
    return torch.stack(w_in), torch.stack(w_state), torch.stack(b_state)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Keep products this small from waking, and waiting for, other threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _chunks(x: torch.Tensor, rows: int) -> list[tuple[slice, list[slice]]]:
    """Return blocks of sequences of x (C, T, B), each with chunks of steps, for so many rows of gates."""
    _, steps, batch = x.shape
    blocks, sequences = [], max(1, _STEP_VALUES // rows)
    for first in range(0, batch, sequences):
        block = slice(first, min(first + sequences, batch))
        size = max(1, _CHUNK_VALUES // (rows * (block.stop - first)))
        blocks.append((block, [slice(s, min(s + size, steps)) for s in range(0, steps, size)]))
    return blocks


def _buffer(old: torch.Tensor | None, like: torch.Tensor, *shape: int) -> torch.Tensor:
    """Return ``old`` if it has the shape, else a new tensor: pages that were touched before cost nothing."""
    return old if old is not None and old.shape == shape else like.new_empty(shape)


def _along(x: torch.Tensor, chunk: slice, direction: int) -> torch.Tensor:
    """Return the steps of x (C, T, B) that a direction meets as its ``chunk``, in the order of time."""
    steps = x.shape[1]
    return x[:, steps - chunk.stop : steps - chunk.start] if direction else x[:, chunk]


def _turned(x: torch.Tensor, direction: int) -> torch.Tensor:
    """Turn (C, c, B) from the order of time to that of a direction, or back."""
    return x.flip(1) if direction else x


def _both_ways(x: torch.Tensor, chunk: slice, directions: int, buffer: torch.Tensor | None) -> torch.Tensor:
    """Return a chunk of x (C, T, B) as each direction meets it, with a row of ones: (D, C + 1, c, B)."""
    channels, _, batch = x.shape
    seen = _buffer(buffer, x, directions, channels + 1, chunk.stop - chunk.start, batch)
    for d in range(directions):
        seen[d, :channels] = _turned(_along(x, chunk, d), d)
    seen[:, channels:] = 1
    return seen


def _of_few(
    addend: torch.Tensor, weight: torch.Tensor, x: torch.Tensor, *, out: torch.Tensor
) -> torch.Tensor:
    """Do what ``torch.baddbmm`` does, with the columns of x (D, C, B) as rows."""
    return torch.add(addend, torch.bmm(x.mT, weight.mT).mT, out=out)


def _product(hidden: int, sequences: int) -> Callable[..., torch.Tensor]:
    """Return the faster way to add up a product of weights and states.

    A product with as many columns as a vector has numbers, or with one, is fast; with fewer it takes up to
    seven times as long as its transpose, whose result however has to be transposed back.
    """
    return _of_few if 1 < sequences < 16 and hidden > _NARROW else torch.baddbmm


def _advance(seen: torch.Tensor, gates: torch.Tensor, states: torch.Tensor, weight: torch.Tensor) -> None:
    """Fill gates (c, D, 4H, B) and, after the first, states (1 + c, D, H, B).

    Args:
        seen: What the input contributes, (D, 4H, c, B); a bias in place of g.
        gates: Filled.
        states: The state before the chunk; filled.
        weight: Of the states, (D, 3H, H).
    """
    hidden = weight.shape[2]
    n, r, z, g = (gate.unbind(0) for gate in gates.chunk(4, 2))
    recurrent, smooth = gates[:, :, hidden:].unbind(0), gates[:, :, hidden : 3 * hidden].unbind(0)
    to_n, to_others = seen[:, :hidden].unbind(2), seen[:, hidden:].unbind(2)
    h = states.unbind(0)
    add_product = _product(hidden, states.shape[3])
    for t in range(len(n)):
        add_product(to_others[t], weight, h[t], out=recurrent[t])
        smooth[t].sigmoid_()
        # 2 sigmoid(2x) - 1 costs a little less, but small states, such as the last GRU's, lose their digits.
        torch.addcmul(to_n[t], r[t], g[t], out=n[t])
        torch.lerp(n[t].tanh_(), h[t], z[t], out=h[t + 1])


def _factors(gates: torch.Tensor, states: torch.Tensor, factors: torch.Tensor) -> None:
    """Fill in what a state's gradient is multiplied with to give those of the gates' sums, (c, D, 4H, B)."""
    n, r, z, g = gates.chunk(4, 2)
    of_n, of_r, of_z, of_g = factors.chunk(4, 2)
    torch.sub(z.new_ones(()), z, out=of_n)
    torch.ops.aten.tanh_backward.grad_input(of_n, n, grad_input=of_n)
    torch.mul(of_n, r, out=of_g)
    torch.mul(of_n, g, out=of_r)
    torch.ops.aten.sigmoid_backward.grad_input(of_r, r, grad_input=of_r)
    torch.sub(states[:-1], n, out=of_z)
    torch.ops.aten.sigmoid_backward.grad_input(of_z, z, grad_input=of_z)


def _retreat(factors: torch.Tensor, grads: torch.Tensor, gates: torch.Tensor, weight: torch.Tensor) -> None:
    """Turn factors (c, D, 4H, B) into gradients, and grads (1 + c, D, H, B) of outputs into those of states.

    Args:
        factors: See :func:`_factors`.
        grads: Of the state before the chunk and of each state in it.
        gates: (c, D, 4H, B).
        weight: The transposed weights of the states (D, H, 3H).
    """
    hidden = weight.shape[1]
    by_gate, recurrent = factors.unflatten(2, (4, hidden)).unbind(0), factors[:, :, hidden:].unbind(0)
    d, wide, z = grads.unbind(0), grads.unsqueeze(2).unbind(0), gates[:, :, 2 * hidden : 3 * hidden].unbind(0)
    add_product = _product(hidden, grads.shape[3])
    for t in range(len(z) - 1, -1, -1):
        by_gate[t].mul_(wide[t + 1])
        add_product(d[t].addcmul_(d[t + 1], z[t]), weight, recurrent[t], out=d[t])


def _gradients(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
    """Return the gradients of the arguments of :class:`_Scan`, from the last chunk to the first."""
    inputs, w_in, w_state, *kept = ctx.saved_tensors
    directions, rows, hidden = w_state.shape
    to_inputs, to_states = w_in[..., :-1].transpose(1, 2), w_state.transpose(1, 2).contiguous()
    grad = grad.permute(1, 2, 0).unflatten(0, (directions, hidden))
    grad_x = torch.zeros_like(inputs)
    grad_in, grad_state = torch.zeros_like(w_in), torch.zeros_like(w_state)
    grad_b = inputs.new_zeros(directions, hidden)
    seen = factors = grads = None
    for block, chunks in reversed(_chunks(inputs, directions * 4 * hidden)):
        carried: torch.Tensor | float = grad[:, :, 0, block] if ctx.last else 0.0
        for chunk in reversed(chunks):
            states, gates = kept.pop(), kept.pop()
            factors = _buffer(factors, gates, *gates.shape)
            grads = _buffer(grads, states, *states.shape)
            grads.zero_()
            if not ctx.last:
                for d in range(directions):
                    grads[1:, d] = _turned(_along(grad[d, ..., block], chunk, d), d).transpose(0, 1)
            grads[-1] += carried
            _factors(gates, states, factors)
            with _one_thread():
                _retreat(factors, grads, gates, to_states)
            carried = grads[0].clone()
            seen = _both_ways(inputs[..., block], chunk, directions, seen)
            flat = factors.permute(1, 2, 0, 3).flatten(2)
            before = states[:-1].permute(1, 2, 0, 3).flatten(2)
            grad_in.baddbmm_(flat[:, :rows], seen.flatten(2).transpose(1, 2))
            grad_state.baddbmm_(flat[:, hidden:], before.transpose(1, 2))
            grad_b += flat[:, rows:].sum(2)
            of_input = torch.bmm(to_inputs, flat[:, :rows]).unflatten(2, seen.shape[2:])
            for d in range(directions):
                _along(grad_x[..., block], chunk, d).add_(_turned(of_input[d], d))
    grad_x = grad_x.permute(2, 0, 1)
    # As x lay in memory: a mixture of layouts slows the elementwise operations before it tenfold.
    return grad_x.contiguous() if ctx.turned else grad_x, grad_in, grad_state, grad_b, None, None


class _Scan(torch.autograd.Function):
    """Scan x (B, C, T) with stacked weights (D, 3H, C + 1), (D, 3H, H) and (D, H); states (B, D * H, T or 1).

    The last column of the first meets a row of ones: both biases, but the state's for n, which come last.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: torch.Tensor,
        w_in: torch.Tensor,
        w_state: torch.Tensor,
        b_state: torch.Tensor,
        last: bool,
        learns: bool,
    ) -> torch.Tensor:
        directions, rows, hidden = w_state.shape
        inputs = x.permute(1, 2, 0).contiguous()
        batch, steps = inputs.shape[2], inputs.shape[1]
        y = x.new_empty(directions, hidden, 1 if last else steps, batch)
        kept: list[torch.Tensor] = []
        seen = sums = gates = states = None
        for block, chunks in _chunks(inputs, directions * 4 * hidden):
            state: torch.Tensor | float = 0.0
            out = y[..., block]
            for chunk in chunks:
                seen = _both_ways(inputs[..., block], chunk, directions, seen)
                c, sequences = seen.shape[2:]
                sums = _buffer(sums, x, directions, 4 * hidden, c, sequences)
                gates = _buffer(None if learns else gates, x, c, directions, 4 * hidden, sequences)
                states = _buffer(None if learns else states, x, 1 + c, directions, hidden, sequences)
                torch.bmm(w_in, seen.flatten(2), out=sums[:, :rows].flatten(2))
                sums[:, rows:] = b_state[..., None, None]
                states[0] = state
                with _one_thread():
                    _advance(sums, gates, states, w_state)
                state = states[-1].clone()
                if learns:
                    kept += [gates, states]
                if not last:
                    for d in range(directions):
                        _along(out[d], chunk, d).copy_(_turned(states[1:, d].transpose(0, 1), d))
            if last:
                out[:, :, 0] = state
        if learns:
            ctx.save_for_backward(inputs, w_in, w_state, *kept)
            ctx.last, ctx.turned = last, inputs.data_ptr() != x.data_ptr()
        return y.flatten(0, 1).permute(2, 0, 1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        with torch.autocast("cpu", enabled=False):
            return _gradients(ctx, grad)
