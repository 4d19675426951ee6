"""Student's t distribution by SciPy. Import this module only where runs are compared: SciPy takes 0.1 s."""

from scipy.special import stdtr, stdtrit


def probability(t: float, degrees: int) -> float:
    """Return P(T <= t) for this many degrees of freedom."""
    return float(stdtr(degrees, t))


def quantile(share: float, degrees: int) -> float:
    """Return the t with P(T <= t) = `share`, which is between 0 and 1."""
    return float(stdtrit(degrees, share))
