"""Shopping carts, one per customer: records as values, errors as exceptions, an order that keeps its id."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated
from uuid import UUID, uuid4

from shem_sdk import agent


class OutOfStock(Exception):
    """Fewer are left than were asked for."""


@dataclass(frozen=True)
class Product:
    """Something that is sold."""

    sku: str
    title: str
    price: Decimal


@dataclass(frozen=True)
class Line:
    """So many of one product."""

    product: Product
    quantity: int = 1


@dataclass(frozen=True)
class Order:
    """What was bought; it never changes again."""

    id: UUID
    at: datetime
    lines: list[Line]
    total: Decimal
    note: str | None = None
    tags: set[str] = field(default_factory=set)


@agent
class ShoppingCart:
    """The cart of one customer, and the orders made from it."""

    LIMIT_PER_PRODUCT = 99

    def __init__(self, customer: str) -> None:
        self.customer = customer
        self._lines: dict[str, Line] = {}
        self._orders: list[Order] = []

    def add(
        self,
        product: Product,
        quantity: Annotated[int, "how many more of it"] = 1,
    ) -> dict[str, int]:
        """Put a product into the cart; return the quantities by SKU."""
        if quantity < 1:
            raise ValueError(f"a quantity is at least 1, not {quantity}")
        already = self._lines[product.sku].quantity if product.sku in self._lines else 0
        if already + quantity > self.LIMIT_PER_PRODUCT:
            raise OutOfStock(f"{product.title}: only {self.LIMIT_PER_PRODUCT - already} left")
        self._lines[product.sku] = Line(product, already + quantity)
        return {sku: line.quantity for sku, line in self._lines.items()}

    def remove(self, sku: str) -> bool:
        """Take a product out of the cart; false where it was not in it."""
        return self._lines.pop(sku, None) is not None

    def total(self) -> Decimal:
        """What the cart costs."""
        return sum((line.product.price * line.quantity for line in self._lines.values()), Decimal())

    def check_out(self, note: str | None = None) -> Order:
        """Make an order of what is in the cart, and empty it."""
        if not self._lines:
            raise ValueError("the cart is empty")
        lines = list(self._lines.values())
        order = Order(uuid4(), datetime.now(UTC), lines, self.total(), note)
        self._orders.append(order)
        self._lines.clear()
        return order

    def orders(self) -> list[Order]:
        """All orders, the oldest first."""
        return self._orders
