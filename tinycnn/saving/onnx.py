"""A model as an ONNX file: for Netron, which draws it, and for the many programs that run such files."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tinycnn.files import replacing
from tinycnn.layers import (
    ELU,
    Activation,
    Add,
    AlphaDropout,
    Average,
    AveragePooling2D,
    BatchNormalization,
    CenterCrop,
    Concatenate,
    Conv2D,
    Conv2DTranspose,
    Cropping2D,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Flatten,
    GaussianDropout,
    GaussianNoise,
    GlobalAveragePooling2D,
    GlobalMaxPooling2D,
    GroupNormalization,
    InputLayer,
    Layer,
    LayerNormalization,
    LeakyReLU,
    Maximum,
    MaxPooling2D,
    Minimum,
    Multiply,
    Normalization,
    PReLU,
    RandomBrightness,
    RandomContrast,
    RandomCrop,
    RandomFlip,
    RandomRotation,
    RandomTranslation,
    RandomZoom,
    ReLU,
    Rescaling,
    Reshape,
    Resizing,
    SeparableConv2D,
    Softmax,
    SpatialDropout2D,
    Subtract,
    UnitNormalization,
    UpSampling2D,
    ZeroPadding2D,
)
from tinycnn.layers.resampling import axis_taps
from tinycnn.layers.unit_normalization import LEAST

if TYPE_CHECKING:
    from tinycnn.model import Model

OPSET = 17  # of 2022: every operator that is needed is in it, and programs of the last years know it
IR_VERSION = 8  # the version of the file format that belongs to it


def export_onnx(model: Model, path: str | os.PathLike[str]) -> None:
    """Write the model, as it computes in inference, to an ONNX file.

    The input and the output are called "input" and "output", several by their own names, and have tinycnn's shapes:
    images are (batch, height, width, channels), for any size of the batch. ONNX's own operators want the channels
    first, so the file turns the images round once in front of the first such layer, and back again where the order
    counts: in front of a Flatten, where branches meet, and at the end. Nodes and weights carry the names of the layers:
    ``conv2d``, ``conv2d/kernel``, ``conv2d/relu``.
    Layers that drop values, add noise or change images at random, which do nothing in inference, are left out.

    The file is checked by ONNX's own checker before it takes its place: whatever happens, ``path`` holds the old file
    or the new one. ONNX keeps slopes and epsilons in float32, so a float64 model agrees to some 5e-8; not every program
    runs those (onnxruntime has no float64 convolution).

    Raises:
        ModuleNotFoundError: the package onnx is not installed.
        RuntimeError: the model is not built, so it has no weights.
        TypeError: ``path`` is no path.
        ValueError: ``path`` does not end in ``.onnx``, or the model has a layer that is not of tinycnn.
        OSError: the file cannot be written (FileNotFoundError: its folder is not there).
    Source:  https://onnx.ai/onnx/operators/
    """
    try:
        import onnx
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "export_onnx: expected the package onnx, found none. Install it: pip install onnx", name=error.name
        ) from error
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"export_onnx: expected a path, received {path!r}. Pass a name such as 'model.onnx'.")
    if Path(path).suffix != ".onnx":
        raise ValueError(
            f"export_onnx: expected a path that ends in .onnx, received {os.fspath(path)!r}. "
            "Name it model.onnx, for example."
        )
    if not model.built:
        raise RuntimeError(
            f"export_onnx: expected a model that is built, {model.name!r} is not. Start it with "
            "Input(shape=(28, 28, 1)), or call model.build((None, 28, 28, 1))."
        )
    proto = _Graph(model).to_proto()
    proto = onnx.shape_inference.infer_shapes(proto, check_type=True, strict_mode=True)
    onnx.checker.check_model(proto, full_check=True)
    with replacing(path) as temporary:
        temporary.write_bytes(proto.SerializeToString())


class _Value(NamedTuple):
    """What a node has put out."""

    name: str
    axes: int
    channels_first: bool = False


class _Graph:
    """The nodes and weights of the file, as they grow layer by layer."""

    def __init__(self, model: Model):
        self.model = model
        self.nodes: list[Any] = []
        self.weights: list[Any] = []
        self.names: set[str] = set()
        inputs, _ = model._ends
        self.inputs = _named("input", model.input_names)
        values = {
            place: _Value(name, len(layer.input_shape))
            for place, name, layer in zip(model._entries, self.inputs, inputs, strict=True)
        }
        for place, (layer, sources) in enumerate(zip(model.layers, model._sources, strict=True)):
            if isinstance(layer, InputLayer):
                continue
            if type(layer) not in _WRITERS:
                raise ValueError(
                    f"export_onnx: expected layers of tinycnn, received {layer.name!r}, a {type(layer).__name__}. "
                    "Build the model of tinycnn's layers, or leave this one out."
                )
            *others, first = reversed([values[source] for source in sources] or [values[place]])
            self.others = [self._channels_last(layer, value) for value in reversed(others)]
            self.value, self.axes, self.channels_first = first
            _WRITERS[type(layer)](self, layer)
            values[place] = _Value(self.value, self.axes, self.channels_first)
        self.outputs = _named("output", model.output_names)
        for place, name in zip(model._heads, self.outputs, strict=True):
            self.name_output(self._channels_last(None, values[place]), name)

    def _channels_last(self, layer: Layer | None, value: _Value) -> str:
        """The name of the value, its channels brought to the end."""
        self.value, self.axes, self.channels_first = value
        self.want_channels_last(layer)
        return self.value

    def name_output(self, value: str, name: str) -> None:
        """Give the name to the last node, or, where something else is put out, to a copy."""
        if not self.nodes or self.nodes[-1].output[0] != value:
            self.value = value
            self.add("Identity", "identity")
        self.nodes[-1].output[0] = name

    def add(self, operator: str, name: str, *weights: str, **attributes: Any) -> None:
        """A node that takes the value of the last one, and these weights."""
        from onnx import helper

        name = self.unused(name)
        self.nodes.append(helper.make_node(operator, [self.value, *weights], [f"{name}:0"], name, **attributes))
        self.value = f"{name}:0"

    def add_weight(self, name: str, array: np.ndarray) -> str:
        from onnx import numpy_helper

        name = self.unused(name)
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def unused(self, name: str) -> str:
        """The name itself, unless somebody calls one layer "conv" and another one "conv/kernel"."""
        while name in self.names:
            name += "_"
        self.names.add(name)
        return name

    def add_activation(self, layer: Any) -> None:
        """The activation as a node of its own; a layer such as Conv2D lends it its name."""
        if layer.activation == "linear":
            return
        name = layer.name if isinstance(layer, Activation) else f"{layer.name}/{layer.activation}"
        steps, z = _ACTIVATIONS[layer.activation], self.value
        for operator, constants, attributes in steps.operators:
            if operator in ("Softmax", "LogSoftmax"):
                attributes = {"axis": 1 if self.channels_first else -1}
            weights = [self.add_weight(f"{name}/{it}", np.array(it, layer.dtype)) for it in constants]
            self.add(operator, name, *weights, **attributes)
        if steps.times_input:
            self.add("Mul", name, z)

    def want_channels_first(self, layer: Layer) -> None:
        if not self.channels_first and self.axes > 2:
            self.add("Transpose", f"{layer.name}/channels_first", perm=[0, self.axes - 1, *range(1, self.axes - 1)])
            self.channels_first = True

    def want_channels_last(self, layer: Layer | None = None) -> None:
        if self.channels_first:
            name = f"{layer.name}/channels_last" if layer else "channels_last"
            self.add("Transpose", name, perm=[0, *range(2, self.axes), 1])
            self.channels_first = False

    def to_proto(self) -> Any:
        from onnx import helper

        import tinycnn

        def described(names: list[str], layers: list[Layer], shapes: list[Any]) -> list[Any]:
            return [
                helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(layer.dtype), ["batch", *shape[1:]])
                for name, layer, shape in zip(names, layers, shapes, strict=True)
            ]

        inputs, outputs = self.model._ends
        x = described(self.inputs, inputs, [layer.input_shape for layer in inputs])
        y = described(self.outputs, outputs, [layer.output_shape for layer in outputs])
        return helper.make_model(
            helper.make_graph(self.nodes, self.model.name, x, y, self.weights),
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name="tinycnn",
            producer_version=tinycnn.__version__,
        )


def _conv2d(graph: _Graph, layer: Conv2D) -> None:
    graph.want_channels_first(layer)
    # (kh, kw, channels, filters) -> (filters, channels, kh, kw)
    kernel = graph.add_weight(f"{layer.name}/kernel", layer.kernel.value.transpose(3, 2, 0, 1))
    graph.add("Conv", layer.name, kernel, *_bias(graph, layer), group=layer.groups, **_windows(layer))
    graph.add_activation(layer)


def _conv2d_transpose(graph: _Graph, layer: Conv2DTranspose) -> None:
    graph.want_channels_first(layer)
    # (kh, kw, filters, channels) -> (channels, filters, kh, kw)
    kernel = graph.add_weight(f"{layer.name}/kernel", layer.kernel.value.transpose(3, 2, 0, 1))
    painted = [
        (size - 1) * stride + (k - 1) * dilation + 1
        for size, stride, k, dilation in zip(
            layer.input_shape[1:3], layer.strides, layer.kernel_size, layer.dilation_rate, strict=True
        )
    ]
    rest = [size - old for size, old in zip(layer.padded_size, painted, strict=True)]
    graph.add("ConvTranspose", layer.name, kernel, *_bias(graph, layer), output_padding=rest, **_windows(layer))
    graph.add_activation(layer)


def _depthwise_conv2d(graph: _Graph, layer: DepthwiseConv2D) -> None:
    graph.want_channels_first(layer)
    kernel = graph.add_weight(f"{layer.name}/kernel", _channel_by_channel(layer.kernel.value))
    graph.add("Conv", layer.name, kernel, *_bias(graph, layer), group=layer.input_shape[-1], **_windows(layer))
    graph.add_activation(layer)


def _separable_conv2d(graph: _Graph, layer: SeparableConv2D) -> None:
    graph.want_channels_first(layer)
    depthwise = graph.add_weight(f"{layer.name}/depthwise_kernel", _channel_by_channel(layer.depthwise_kernel.value))
    graph.add("Conv", f"{layer.name}/depthwise", depthwise, group=layer.input_shape[-1], **_windows(layer))
    pointwise = graph.add_weight(f"{layer.name}/pointwise_kernel", layer.pointwise_kernel.value.transpose(3, 2, 0, 1))
    graph.add("Conv", layer.name, pointwise, *_bias(graph, layer))
    graph.add_activation(layer)


def _channel_by_channel(kernel: np.ndarray) -> np.ndarray:
    """(kh, kw, c, m) -> (c·m, 1, kh, kw)"""
    kh, kw, _, _ = kernel.shape
    return kernel.transpose(2, 3, 0, 1).reshape(-1, 1, kh, kw)


def _windows(layer: Any) -> dict[str, Any]:
    size = {"kernel_shape": layer.kernel_size, "strides": layer.strides, "dilations": layer.dilation_rate}
    return {**size, "pads": _pads(layer)}


def _bias(graph: _Graph, layer: Any) -> list[str]:
    return [graph.add_weight(f"{layer.name}/bias", layer.bias.value)] if layer.use_bias else []


def _dense(graph: _Graph, layer: Dense) -> None:
    weights = [graph.add_weight(f"{layer.name}/{name}", array) for name, array in layer.params.items()]
    if graph.axes == 2:
        graph.add("Gemm", layer.name, *weights)
    else:
        graph.want_channels_last(layer)
        graph.add("MatMul", layer.name, weights[0])
        for bias in weights[1:]:
            graph.add("Add", f"{layer.name}/add", bias)
    graph.add_activation(layer)


def _max_pooling2d(graph: _Graph, layer: MaxPooling2D) -> None:
    graph.want_channels_first(layer)
    graph.add("MaxPool", layer.name, kernel_shape=layer.pool_size, strides=layer.strides, pads=_pads(layer))


def _average_pooling2d(graph: _Graph, layer: AveragePooling2D) -> None:
    graph.want_channels_first(layer)
    size = {"kernel_shape": layer.pool_size, "strides": layer.strides, "pads": _pads(layer)}
    graph.add("AveragePool", layer.name, **size, count_include_pad=0)  # the padding is not part of the mean


def _global_pooling2d(graph: _Graph, layer: GlobalAveragePooling2D | GlobalMaxPooling2D) -> None:
    graph.want_channels_first(layer)
    operator = "GlobalMaxPool" if isinstance(layer, GlobalMaxPooling2D) else "GlobalAveragePool"
    graph.add(operator, layer.name)  # (batch, channels, 1, 1)
    if not layer.keepdims:
        graph.add("Flatten", f"{layer.name}/flatten", axis=1)
        graph.channels_first, graph.axes = False, 2


def _flatten(graph: _Graph, layer: Flatten) -> None:
    graph.want_channels_last(layer)  # the weights behind it count on this order of the values
    graph.add("Flatten", layer.name, axis=1)
    graph.axes = 2


def _reshape(graph: _Graph, layer: Reshape) -> None:
    graph.want_channels_last(layer)
    shape = np.array([0, *layer.output_shape[1:]], np.int64)  # 0: the batch axis stays as it is
    graph.add("Reshape", layer.name, graph.add_weight(f"{layer.name}/shape", shape))
    graph.axes = len(shape)


def _zero_padding2d(graph: _Graph, layer: ZeroPadding2D) -> None:
    graph.want_channels_last(layer)
    (top, bottom), (left, right) = layer.padding
    pads = np.array([0, top, left, 0, 0, bottom, right, 0], np.int64)
    graph.add("Pad", layer.name, graph.add_weight(f"{layer.name}/pads", pads))


def _slice(graph: _Graph, name: str, rest: Any, image: Any) -> None:
    """``rest`` is cut off on each side of images of this height and width."""
    if rest == ((0, 0), (0, 0)):
        return
    (top, bottom), (left, right) = rest
    arrays = {"starts": (top, left), "ends": (image[0] - bottom, image[1] - right), "axes": (1, 2)}
    weights = [graph.add_weight(f"{name}/{key}", np.array(array, np.int64)) for key, array in arrays.items()]
    graph.add("Slice", name, *weights)


def _cropping2d(graph: _Graph, layer: Cropping2D) -> None:
    graph.want_channels_last(layer)
    _slice(graph, layer.name, layer.cropping, layer.input_shape[1:3])


def _center_crop(graph: _Graph, layer: CenterCrop | RandomCrop) -> None:
    graph.want_channels_last(layer)
    middle = layer.middle
    _slice(graph, layer.name, middle.rest, layer.input_shape[1:3])
    if middle.part != middle.size:
        _resize(graph, layer, middle.part, middle.size, "bilinear")


def _resizing(graph: _Graph, layer: Resizing) -> None:
    graph.want_channels_last(layer)
    _slice(graph, f"{layer.name}/crop", layer.rest, layer.input_shape[1:3])
    _resize(graph, layer, layer.part, (layer.height, layer.width), layer.interpolation)


def _up_sampling2d(graph: _Graph, layer: UpSampling2D) -> None:
    graph.want_channels_last(layer)
    _resize(graph, layer, layer.input_shape[1:3], layer.output_shape[1:3], layer.interpolation)


def _resize(graph: _Graph, layer: Layer, old: Any, new: Any, interpolation: str) -> None:
    """By a matrix for each axis: what programs make of ONNX's own Resize differs at the edges."""
    equations = ("nhwc,ih->niwc", "nhwc,jw->nhjc")
    for axis, equation, size, new_size in zip(("rows", "columns"), equations, old, new, strict=True):
        first, second, share = axis_taps(size, new_size, interpolation)
        matrix = np.zeros((new_size, size), layer.dtype)
        matrix[np.arange(new_size), first] += 1 - share
        matrix[np.arange(new_size), second] += share
        weight = graph.add_weight(f"{layer.name}/{axis}", matrix)
        graph.add("Einsum", f"{layer.name}/resize_{axis}", weight, equation=equation)


def _rescaling(graph: _Graph, layer: Rescaling) -> None:
    graph.want_channels_last(layer)
    for operator, name, value in (("Mul", "scale", layer.scale), ("Add", "offset", layer.offset)):
        weight = graph.add_weight(f"{layer.name}/{name}", np.asarray(value, layer.dtype))
        graph.add(operator, f"{layer.name}/{operator.lower()}", weight)


def _normalization(graph: _Graph, layer: Normalization) -> None:
    graph.want_channels_last(layer)
    mean, deviation = (
        graph.add_weight(f"{layer.name}/{name}", array)
        for name, array in zip(("mean", "deviation"), layer.statistics(), strict=True)
    )
    first, second = (("Mul", deviation), ("Add", mean)) if layer.invert else (("Sub", mean), ("Div", deviation))
    for operator, weight in (first, second):
        graph.add(operator, f"{layer.name}/{operator.lower()}", weight)


def _nothing(graph: _Graph, layer: Layer) -> None:
    """A layer that does nothing in inference."""


def _batch_normalization(graph: _Graph, layer: BatchNormalization) -> None:
    graph.want_channels_first(layer)
    arrays = {
        "gamma": layer.gamma.value if layer.scale else np.ones_like(layer.moving_mean),
        "beta": layer.beta.value if layer.center else np.zeros_like(layer.moving_mean),
        **layer.state,
    }
    weights = [graph.add_weight(f"{layer.name}/{name}", array) for name, array in arrays.items()]
    graph.add("BatchNormalization", layer.name, *weights, epsilon=layer.epsilon)


def _merge(graph: _Graph, layer: Any) -> None:
    graph.want_channels_last(layer)
    operator = {Add: "Sum", Average: "Mean", Maximum: "Max", Minimum: "Min", Subtract: "Sub"}[type(layer)]
    graph.add(operator, layer.name, *graph.others)


def _multiply(graph: _Graph, layer: Multiply) -> None:
    graph.want_channels_last(layer)
    for other in graph.others:
        graph.add("Mul", layer.name, other)


def _concatenate(graph: _Graph, layer: Concatenate) -> None:
    graph.want_channels_last(layer)
    graph.add("Concat", layer.name, *graph.others, axis=layer.axis)


def _leaky_relu(graph: _Graph, layer: LeakyReLU) -> None:
    graph.add("LeakyRelu", layer.name, alpha=layer.negative_slope)


def _elu(graph: _Graph, layer: ELU) -> None:
    graph.add("Elu", layer.name, alpha=layer.alpha)


def _relu(graph: _Graph, layer: ReLU) -> None:
    if layer.activation == "relu":
        graph.add_activation(layer)
        return
    x, name = graph.value, layer.name
    zero, slope, threshold = (
        graph.add_weight(f"{name}/{key}", np.array(value, layer.dtype))
        for key, value in (("zero", 0), ("slope", layer.negative_slope), ("threshold", layer.threshold))
    )
    graph.add("ThresholdedRelu", name, alpha=layer.threshold)
    if layer.max_value is not None:
        most = graph.add_weight(f"{name}/max_value", np.array(layer.max_value, layer.dtype))
        graph.add("Clip", f"{name}/clip", zero, most)
    above, graph.value = graph.value, x
    for operator, weight in (("Sub", threshold), ("Min", zero), ("Mul", slope), ("Add", above)):
        graph.add(operator, f"{name}/{operator.lower()}", weight)


def _prelu(graph: _Graph, layer: PReLU) -> None:
    graph.want_channels_last(layer)
    graph.add("PRelu", layer.name, graph.add_weight(f"{layer.name}/alpha", layer.alpha.value))


def _softmax(graph: _Graph, layer: Softmax) -> None:
    if layer.activation == "softmax":
        graph.add_activation(layer)
        return
    graph.want_channels_last(layer)
    x, name = graph.value, layer.name
    graph.add("ReduceLogSumExp", f"{name}/sum", axes=layer.axes)
    graph.add("Sub", f"{name}/sub", x)
    graph.add("Neg", f"{name}/neg")
    graph.add("Exp", name)


def _unit_normalization(graph: _Graph, layer: UnitNormalization) -> None:
    graph.want_channels_last(layer)
    x, name = graph.value, layer.name
    least = graph.add_weight(f"{name}/least", np.array(LEAST, layer.dtype))
    graph.add("ReduceL2", f"{name}/length", axes=layer.axes)
    graph.add("Max", f"{name}/max", least)
    graph.add("Reciprocal", f"{name}/reciprocal")
    graph.add("Mul", name, x)


def _layer_normalization(graph: _Graph, layer: LayerNormalization) -> None:
    graph.want_channels_last(layer)
    name, shape = layer.name, layer.input_shape[1:]

    def reshape(what: str, sizes: Any) -> None:
        if layer.grouped != shape:
            graph.add(
                "Reshape", f"{name}/{what}", graph.add_weight(f"{name}/{what}_shape", np.array((0, *sizes), np.int64))
            )

    gamma, beta = layer.gamma_and_beta()
    epsilon = graph.add_weight(f"{name}/epsilon", np.array(layer.epsilon, layer.dtype))
    reshape("groups", layer.grouped)
    x = graph.value
    graph.add("ReduceMean", f"{name}/mean", axes=layer.axes)
    graph.add("Sub", f"{name}/sub", x)  # the mean less x: its sign is turned by γ
    centred = graph.value
    graph.add("Mul", f"{name}/square", centred)
    graph.add("ReduceMean", f"{name}/variance", axes=layer.axes)
    graph.add("Add", f"{name}/add_epsilon", epsilon)
    graph.add("Sqrt", f"{name}/sqrt")
    graph.add("Reciprocal", f"{name}/reciprocal")
    graph.add("Mul", f"{name}/normalised", centred)
    reshape("samples", shape)
    graph.add("Mul", f"{name}/mul", graph.add_weight(f"{name}/minus_gamma", -gamma))
    graph.add("Add", f"{name}/add", graph.add_weight(f"{name}/beta", beta))


def _pads(layer: Any) -> list[int]:
    """Padding in ONNX's order: top, left, bottom, right."""
    (top, bottom), (left, right) = layer.widths
    return [top, left, bottom, right]


_WRITERS: dict[type[Layer], Callable[[_Graph, Any], None]] = {
    Activation: _Graph.add_activation,
    Add: _merge,
    Average: _merge,
    AlphaDropout: _nothing,
    AveragePooling2D: _average_pooling2d,
    BatchNormalization: _batch_normalization,
    Concatenate: _concatenate,
    Conv2D: _conv2d,
    Conv2DTranspose: _conv2d_transpose,
    Dense: _dense,
    DepthwiseConv2D: _depthwise_conv2d,
    CenterCrop: _center_crop,
    Cropping2D: _cropping2d,
    Dropout: _nothing,
    ELU: _elu,
    Flatten: _flatten,
    GlobalAveragePooling2D: _global_pooling2d,
    GlobalMaxPooling2D: _global_pooling2d,
    GaussianDropout: _nothing,
    GaussianNoise: _nothing,
    GroupNormalization: _layer_normalization,
    LayerNormalization: _layer_normalization,
    LeakyReLU: _leaky_relu,
    Maximum: _merge,
    MaxPooling2D: _max_pooling2d,
    Minimum: _merge,
    Multiply: _multiply,
    Normalization: _normalization,
    PReLU: _prelu,
    RandomBrightness: _nothing,
    RandomContrast: _nothing,
    RandomCrop: _center_crop,
    RandomFlip: _nothing,
    RandomRotation: _nothing,
    RandomTranslation: _nothing,
    RandomZoom: _nothing,
    Rescaling: _rescaling,
    Resizing: _resizing,
    ReLU: _relu,
    Reshape: _reshape,
    SeparableConv2D: _separable_conv2d,
    Subtract: _merge,
    UpSampling2D: _up_sampling2d,
    Softmax: _softmax,
    SpatialDropout2D: _nothing,
    UnitNormalization: _unit_normalization,
    ZeroPadding2D: _zero_padding2d,
}


def _named(name: str, names: Sequence[str]) -> list[str]:
    """The name of the only input or output; several keep their own."""
    return [name] if len(names) == 1 else list(names)


class _Steps(NamedTuple):
    """An activation as ONNX's operators, each with constants that it takes as inputs, and attributes."""

    operators: list[tuple[str, tuple[float, ...], dict[str, Any]]]
    times_input: bool = False  # whether the input is multiplied by what they make of it


_ACTIVATIONS = {
    "relu": _Steps([("Relu", (), {})]),
    "leaky_relu": _Steps([("LeakyRelu", (), {"alpha": 0.2})]),
    "elu": _Steps([("Elu", (), {})]),
    "sigmoid": _Steps([("Sigmoid", (), {})]),
    "tanh": _Steps([("Tanh", (), {})]),
    "softmax": _Steps([("Softmax", (), {})]),
    "selu": _Steps([("Selu", (), {})]),
    "softplus": _Steps([("Softplus", (), {})]),
    "softsign": _Steps([("Softsign", (), {})]),
    "exponential": _Steps([("Exp", (), {})]),
    "relu6": _Steps([("Clip", (0, 6), {})]),
    "hard_sigmoid": _Steps([("HardSigmoid", (), {"alpha": 1 / 6, "beta": 0.5})]),
    "log_softmax": _Steps([("LogSoftmax", (), {})]),
    "silu": _Steps([("Sigmoid", (), {})], times_input=True),
    "hard_silu": _Steps([("HardSwish", (), {})]),
    "gelu": _Steps(
        [("Mul", (math.sqrt(0.5),), {}), ("Erf", (), {}), ("Add", (1,), {}), ("Mul", (0.5,), {})], times_input=True
    ),
    "mish": _Steps([("Softplus", (), {}), ("Tanh", (), {})], times_input=True),
}
