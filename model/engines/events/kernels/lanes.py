"""Vectors of lanes for numba kernels: one row of a crossbar as one value in vector registers.

LLVM's own vectoriser does not find the shape of these loops (a dot product over a list of rows came out six times
slower), so kernels say what they mean: ``load`` a row, ``add`` it, ``store`` it. The number of lanes is part of the
type of a ``Width``, so that the compiler knows it. Arrays lie in one piece and are indexed as if they were flat, from
the beginning only: numba's own indices may count from the end, and asking takes as long as a row. Knows no neurons.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import cgutils, extending, types
from numba.core.datamodel import models
from numba.core.extending import register_model

intrinsic: Any = extending.intrinsic  # numba's own types would ask callers for the typing context
BITS, BIT = ir.IntType(64), ir.IntType(1)
BYTE = 8  # bits
Width = tuple[int, ...]  # of a bank, as its length: see ``width_of``
EIGHTH = 8  # lanes for every element of a width


def width_of(lanes: int) -> Width:
    """A number of lanes, 8, 16 or 32, as an argument of kernels: a tuple, whose length is part of its type.

    Numba finds the type of a tuple in no time; for a class of our own it asks Python in every call.
    """
    return (0,) * (lanes // EIGHTH)


class LanesType(types.Type):
    """A vector of as many numbers as there are lanes."""

    def __init__(self, dtype: Any, lanes: int) -> None:
        self.dtype, self.lanes = dtype, lanes
        super().__init__(name=f"Lanes({dtype}, {lanes})")


@register_model(LanesType)
class LanesModel(models.PrimitiveModel):
    """LLVM's vector type."""

    def __init__(self, manager: Any, kind: LanesType) -> None:
        super().__init__(manager, kind, ir.VectorType(manager.lookup(kind.dtype).get_value_type(), kind.lanes))


@intrinsic
def lanes_of(typing: Any, width: Any) -> Any:
    """Number of lanes, as a constant of the compiled kernel."""

    def build(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return ir.Constant(BITS, EIGHTH * width.count)

    return types.int64(width), build


@intrinsic
def item(typing: Any, array: Any, index: Any) -> Any:
    """``array[index]``; integers come as int64."""
    integer = isinstance(array.dtype, types.Integer)

    def build(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        number = builder.load(_pointer(context, builder, signature.args[0], values))
        if isinstance(array.dtype, types.Boolean):  # a byte in memory, a bit in registers
            return builder.trunc(number, BIT)
        if not integer or array.dtype.bitwidth == BITS.width:
            return number
        return builder.sext(number, BITS) if array.dtype.signed else builder.zext(number, BITS)

    return (types.int64 if integer else array.dtype)(array, types.intp), build


@intrinsic
def put(typing: Any, array: Any, index: Any, number: Any) -> Any:
    """``array[index] = number``, of the array's type."""

    def build(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        pointer = _pointer(context, builder, signature.args[0], values)
        builder.store(values[2] if values[2].type != BIT else builder.zext(values[2], pointer.type.pointee), pointer)
        return context.get_dummy_value()

    return types.void(array, types.intp, array.dtype), build


@intrinsic
def prefetch(typing: Any, array: Any, index: Any) -> Any:
    """Begin to fetch the cache line of ``array[index]``, which may lie beyond the end."""

    def build(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        byte, word = ir.IntType(8).as_pointer(), ir.IntType(32)
        line = builder.bitcast(_pointer(context, builder, signature.args[0], values), byte)
        kind = ir.FunctionType(ir.VoidType(), [byte, word, word, word])
        to_read, keep, data = ir.Constant(word, 0), ir.Constant(word, 3), ir.Constant(word, 1)
        fetch = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0i8")
        builder.call(fetch, [line, to_read, keep, data])
        return context.get_dummy_value()

    return types.void(array, types.intp), build


@intrinsic
def load(typing: Any, width: Any, array: Any, index: Any) -> Any:
    """Lanes that begin at ``array[index]``."""
    lanes = LanesType(array.dtype, EIGHTH * width.count)

    def build(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.load(_place(context, builder, signature.args[1], values[1:], lanes), align=_alignment(array))

    return lanes(width, array, types.intp), build


@intrinsic
def store(typing: Any, array: Any, index: Any, lanes: Any) -> Any:
    """Write lanes to the places that begin at ``array[index]``."""

    def build(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        place = _place(context, builder, signature.args[0], values[:2], lanes)
        builder.store(values[2], place, align=_alignment(array))
        return context.get_dummy_value()

    return types.void(array, types.intp, lanes), build


@intrinsic
def spread(typing: Any, width: Any, number: Any) -> Any:
    """The same number in all lanes."""
    lanes = LanesType(number, EIGHTH * width.count)

    def build(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return _all(builder, values[1], context.get_value_type(lanes))

    return lanes(width, number), build


@intrinsic
def zeros(typing: Any, width: Any, array: Any) -> Any:
    """Zero in all lanes, of the array's type."""
    lanes = LanesType(array.dtype, EIGHTH * width.count)

    def build(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return ir.Constant(context.get_value_type(lanes), None)

    return lanes(width, array), build


@intrinsic
def add(typing: Any, a: Any, b: Any) -> Any:
    """a + b, rounded as IEEE says."""

    def build(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.fadd(*values)

    return a(a, b), build


@intrinsic
def multiply(typing: Any, a: Any, b: Any) -> Any:
    """a * b, rounded as IEEE says."""

    def build(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.fmul(*values)

    return a(a, b), build


@intrinsic
def add_product(typing: Any, total: Any, a: Any, b: Any) -> Any:
    """total + a * b, in one instruction where there is one."""

    def build(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        product = builder.fmul(values[1], values[2], flags=("contract",))
        return builder.fadd(values[0], product, flags=("contract",))

    return total(total, a, b), build


@intrinsic
def subtract_product(typing: Any, total: Any, a: Any, b: Any) -> Any:
    """total - a * b, the product rounded as IEEE says."""

    def build(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.fsub(values[0], builder.fmul(values[1], values[2]))

    return total(total, a, b), build


@intrinsic
def total(typing: Any, lanes: Any) -> Any:
    """Sum over the lanes, halves first: always in the same order."""

    def build(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        vector, count = values[0], lanes.lanes
        while count > 1:
            count //= 2
            low, high = (_part(builder, vector, first, count) for first in (0, count))
            vector = builder.fadd(low, high)
        return builder.extract_element(vector, ir.Constant(ir.IntType(32), 0))

    return lanes.dtype(lanes), build


@intrinsic
def bits_at_least(typing: Any, a: Any, b: Any) -> Any:
    """One bit a lane, the first lane lowest: a >= b."""

    def build(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return _as_bits(builder, builder.fcmp_ordered(">=", *values), a.lanes)

    return types.uint64(a, b), build


@intrinsic
def bits_within(typing: Any, a: Any, b: Any, reach: Any) -> Any:
    """One bit a lane, the first lane lowest: |a - b| < reach."""

    def build(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return _as_bits(
            builder, builder.fcmp_ordered("<", _size(builder, builder.fsub(*values[:2])), values[2]), a.lanes
        )

    return types.uint64(a, b, reach), build


@intrinsic
def where_at_least(typing: Any, a: Any, b: Any, yes: Any, no: Any) -> Any:
    """``yes`` in the lanes where a >= b, else ``no``."""

    def build(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.select(builder.fcmp_ordered(">=", *values[:2]), *values[2:])

    return a(a, b, yes, no), build


@intrinsic
def drop_below(typing: Any, a: Any, least: Any) -> Any:
    """a, but zero in the lanes where |a| < least."""

    def build(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        zero = ir.Constant(values[0].type, None)
        small = builder.fcmp_ordered("<", _size(builder, values[0]), values[1])
        return builder.select(small, zero, values[0])

    return a(a, least), build


@intrinsic
def bits_of(typing: Any, array: Any, index: Any) -> Any:
    """One bit for each of the eight numbers that begin at ``array[index]``, the first lowest: it is not zero."""
    eight = LanesType(array.dtype, BYTE)

    def build(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        place = _place(context, builder, signature.args[0], values, eight)
        numbers = builder.load(place, align=_alignment(array))
        zero, compare = ir.Constant(numbers.type, None), builder.icmp_unsigned
        differs = compare if isinstance(array.dtype, types.Integer) else builder.fcmp_unordered
        return _as_bits(builder, differs("!=", numbers, zero), BYTE)

    return types.uint64(array, types.intp), build


@intrinsic
def note(typing: Any, width: Any, into: Any, at: Any, bits: Any, base: Any) -> Any:
    """Write base + place of every bit set among the lanes', from ``into[at]`` on; returns where that ends.

    There are no branches to mispredict: it always writes eight numbers for eight bits, so up to seven beyond the end.
    """
    eight = LanesType(into.dtype, BYTE)

    def build(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        _, array, end, word, number = values
        kind, bytes_of_word = ir.ArrayType(BITS, len(PLACES)), ir.VectorType(ir.IntType(8), BYTE)
        table = cgutils.global_constant(builder, "places", ir.Constant(kind, PLACES))
        for first in range(0, EIGHTH * width.count, BYTE):
            byte = builder.and_(builder.lshr(word, ir.Constant(BITS, first)), ir.Constant(BITS, 255))
            found = builder.load(builder.gep(table, [ir.Constant(BITS, 0), byte], inbounds=True))
            place = _place(context, builder, signature.args[1], [array, end], eight)
            places = builder.zext(builder.bitcast(found, bytes_of_word), place.type.pointee)
            bases = _all(builder, builder.add(number, ir.Constant(BITS, first)), place.type.pointee)
            builder.store(builder.add(places, bases), place, align=_alignment(into))
            end = builder.add(end, builder.ctpop(byte))
        return end

    return types.int64(width, into, types.int64, types.uint64, types.int64), build


# Places of the bits that are set in a byte, ascending, as the bytes of a word, the first lowest.
PLACES = [
    sum(place << BYTE * k for k, place in enumerate(p for p in range(BYTE) if byte >> p & 1)) for byte in range(256)
]


def _pointer(context: Any, builder: Any, array: Any, values: Any) -> Any:
    return builder.gep(context.make_array(array)(context, builder, values[0]).data, [values[1]])


def _place(context: Any, builder: Any, array: Any, values: Any, lanes: LanesType) -> Any:
    return builder.bitcast(_pointer(context, builder, array, values), context.get_value_type(lanes).as_pointer())


def _alignment(array: Any) -> int:
    return int(array.dtype.bitwidth) // 8


def _all(builder: Any, number: Any, kind: Any) -> Any:
    """The same number everywhere in a vector of a kind, if need be cut to its type."""
    if number.type != kind.element:
        number = builder.trunc(number, kind.element)
    first = builder.insert_element(ir.Constant(kind, ir.Undefined), number, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(first, first, ir.Constant(ir.VectorType(ir.IntType(32), kind.count), None))


def _part(builder: Any, vector: Any, first: int, count: int) -> Any:
    chosen = ir.Constant(ir.VectorType(ir.IntType(32), count), list(range(first, first + count)))
    return builder.shuffle_vector(vector, vector, chosen)


def _as_bits(builder: Any, flags: Any, lanes: int) -> Any:
    word = builder.bitcast(flags, ir.IntType(lanes))
    return builder.zext(word, BITS) if lanes < 64 else word


def _size(builder: Any, vector: Any) -> Any:
    """|vector|."""
    kind = vector.type
    name = f"llvm.fabs.v{kind.count}f{32 if isinstance(kind.element, ir.FloatType) else 64}"
    fabs = cgutils.get_or_insert_function(builder.module, ir.FunctionType(kind, [kind]), name)
    return builder.call(fabs, [vector])
