"""Pure physics and money: one family of formulas per module, one number per formula."""

from tokenroof.formulas import (
    roofline,
)

__all__ = ["roofline"]
