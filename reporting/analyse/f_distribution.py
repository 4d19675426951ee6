"""The F distribution by SciPy, for analyses of variance. Import this module only where runs are compared."""

from scipy.special import fdtrc


def exceeding(f: float, degrees: int, degrees_of_noise: int) -> float:
    """Return P(F >= f) for so many degrees of freedom of what is tested, and of the noise beside it."""
    return float(fdtrc(degrees, degrees_of_noise, f))
