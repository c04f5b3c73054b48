"""A model of how training scales over devices, from a measured step and the size of the gradient.

    python experiments/throughput/scaling.py --step-ms 32 --parameters 307474

Each rank computes a step of its own batch, forward and backward, and all ranks then hold the mean gradient by
a ring all-reduce: 2 (n - 1) messages one after the other, each of 1/n of the gradient (Patarasuk & Yuan,
"Bandwidth optimal all-reduce algorithms for clusters of workstations", 2009). Where n ranks lie on several
nodes the slowest link of the ring, the network, sets the pace of all of it; libraries that choose trees there
send fewer messages one after the other. Two bounds: nothing overlaps with the backward pass, or everything
does, up to the backward pass's own length; what does not fit is waited for. Ranks are equally fast: what the
slowest of many ranks costs is not in the model.

The defaults of bandwidths and latencies are assumptions, not measurements: they stand for one direction of
NVLink 4 (450 GB/s of the 900 GB/s, in both directions, that NVIDIA states for an H100 or H200) with 10 µs per
message, and for one 200 Gb/s port per GPU with 20 µs per message.
"""

import argparse
from dataclasses import dataclass


@dataclass(frozen=True)
class Link:
    """A connection between neighbours of the ring.

    Args:
        bytes_per_second: In one direction.
        latency_seconds: Of a message, kernel and protocol included.
    """

    bytes_per_second: float
    latency_seconds: float


def ring_seconds(gradient_bytes: float, ranks: int, link: Link) -> float:
    """Return the time of a ring all-reduce: 2 (n - 1)/n bytes / bandwidth + 2 (n - 1) latencies."""
    messages = 2 * (ranks - 1)
    return messages * (gradient_bytes / ranks / link.bytes_per_second + link.latency_seconds)


def efficiencies(step_seconds: float, backward_share: float, reduce_seconds: float) -> tuple[float, float]:
    """Return items/s per device against one device alone: without overlap, and with all of it.

    Args:
        step_seconds: Of one device alone.
        backward_share: Of the step, what the all-reduce can overlap with.
        reduce_seconds: Of the all-reduce.
    """
    hidden = min(reduce_seconds, backward_share * step_seconds)
    worst = step_seconds / (step_seconds + reduce_seconds)
    return worst, step_seconds / (step_seconds + reduce_seconds - hidden)


def table(
    step_seconds: float, batch: int, gradient_bytes: float, backward_share: float, inside: Link, between: Link
) -> str:
    """Return the model's figures for one node and for eight of eight GPUs, as a Markdown table."""
    lines = [
        "| devices | all-reduce, ms | efficiency, no overlap | full overlap | items/s |",
        "|---|---|---|---|---|",
    ]
    for name, ranks, link in (
        ("1", 1, inside),
        ("2", 2, inside),
        ("8 (one node)", 8, inside),
        ("64 (8 nodes of 8)", 64, between),
    ):
        reduce_seconds = ring_seconds(gradient_bytes, ranks, link)
        worst, best = efficiencies(step_seconds, backward_share, reduce_seconds)
        alone = batch / step_seconds
        lines.append(
            f"| {name} | {1e3 * reduce_seconds:.3f} | {worst:.3f} | {best:.3f} "
            f"| {ranks * alone * worst:,.0f} to {ranks * alone * best:,.0f} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Print the table for the command line's figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--step-ms", type=float, required=True, help="of one device, measured")
    parser.add_argument("--batch", type=int, default=128, help="per device")
    parser.add_argument("--parameters", type=int, default=307_474, help="float32; 203,869 in release")
    parser.add_argument("--backward-share", type=float, default=0.6, help="of the step")
    parser.add_argument("--inside-gb-s", type=float, default=450.0, help="bandwidth inside a node, GB/s")
    parser.add_argument("--inside-us", type=float, default=10.0, help="latency of a message inside a node")
    parser.add_argument("--between-gbit-s", type=float, default=200.0, help="bandwidth between nodes, Gb/s")
    parser.add_argument("--between-us", type=float, default=20.0, help="latency of a message between nodes")
    parsed = parser.parse_args()
    inside = Link(1e9 * parsed.inside_gb_s, 1e-6 * parsed.inside_us)
    between = Link(1e9 / 8 * parsed.between_gbit_s, 1e-6 * parsed.between_us)
    print(
        table(
            1e-3 * parsed.step_ms,
            parsed.batch,
            4 * parsed.parameters,
            parsed.backward_share,
            inside,
            between,
        )
    )


if __name__ == "__main__":
    main()
