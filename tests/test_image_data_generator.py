"""ImageDataGenerator: Keras's numbers from Keras's seeds, errors in words, batches that `fit` takes."""

from __future__ import annotations

import builtins
import copy
import io
import pickle
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

import tinycnn
from tinycnn.keras.preprocessing import image
from tinycnn.keras.preprocessing.image import ImageDataGenerator
from tinycnn.layers import Dense, Flatten

pytest.importorskip("scipy")
WHO = "ImageDataGenerator"


def images(n: int = 12, shape: tuple[int, ...] = (9, 7, 3), seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, *shape)).astype("uint8")


OPTIONS = {
    "nothing": {},
    "rescale": {"rescale": 1 / 255},
    "turned": {"rotation_range": 40},
    "shifted": {"width_shift_range": 0.3, "height_shift_range": 0.2},
    "shifted by pixels": {"width_shift_range": 3, "height_shift_range": 4.5},
    "shifted by listed pixels": {"width_shift_range": [1, 2], "height_shift_range": (0.1, 0.4)},
    "sheared": {"shear_range": 30.0},
    "zoomed": {"zoom_range": 0.4},
    "zoomed between": {"zoom_range": [0.5, 0.9]},
    "flipped": {"horizontal_flip": True, "vertical_flip": True},
    "other colours": {"channel_shift_range": 60.0},
    "lit": {"brightness_range": (0.2, 1.9)},
    "lit, of other range": {"brightness_range": (0.2, 0.9), "channel_shift_range": 30.0, "rescale": -2.0},
    "constant": {"rotation_range": 80, "fill_mode": "constant", "cval": 77.0},
    "reflected": {"rotation_range": 80, "zoom_range": 0.9, "fill_mode": "reflect"},
    "wrapped": {"width_shift_range": 0.9, "fill_mode": "wrap"},
    "cubic": {"rotation_range": 30, "interpolation_order": 3},
    "samplewise": {"samplewise_center": True, "samplewise_std_normalization": True},
    "featurewise": {"featurewise_center": True, "featurewise_std_normalization": True, "rescale": 0.5},
    "whitened": {"featurewise_center": True, "zca_whitening": True, "zca_epsilon": 1e-3},
    "function": {"preprocessing_function": lambda x: x[::-1] / 2, "rotation_range": 10},
    "float64": {"dtype": "float64", "rotation_range": 20},
    "all that beginners use": {
        "rotation_range": 15,
        "width_shift_range": 0.1,
        "height_shift_range": 0.1,
        "shear_range": 0.2,
        "zoom_range": 0.2,
        "horizontal_flip": True,
        "fill_mode": "nearest",
        "rescale": 1.0 / 255,
    },
}


def keras_generator(**options: object) -> object:
    from keras.src.legacy.preprocessing.image import ImageDataGenerator as KerasImageDataGenerator

    return KerasImageDataGenerator(**options)


@pytest.mark.keras
@pytest.mark.filterwarnings("ignore")  # SciPy's, of the name under which Keras calls it
@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("kind", OPTIONS)
def test_same_arrays_as_keras(kind: str, channels: int) -> None:
    """From the same seed, and from the same state of NumPy's global generator: to the last bit."""
    x, y = images(shape=(9, 7, channels)), np.arange(12)
    mine, theirs = ImageDataGenerator(**OPTIONS[kind]), keras_generator(**OPTIONS[kind])
    np.random.seed(3)  # noqa: NPY002
    mine.fit(x, augment=True, rounds=2, seed=5)
    theirs.fit(x, augment=True, rounds=2, seed=5)
    for seed in (7, None):
        batches = []
        for generator in (mine, theirs):
            np.random.seed(11)  # noqa: NPY002
            flow = generator.flow(x, y, batch_size=5, seed=seed)
            read = [next(flow) for _ in range(4)]  # an epoch and a batch
            read += [flow[i] for i in (0, 2)]
            flow.on_epoch_end()
            read += [flow[i] for i in range(len(flow))]
            batches.append(read)
        for (my_x, my_y), (their_x, their_y) in zip(*batches, strict=True):
            np.testing.assert_array_equal(my_y, their_y)
            # Whitening sums in another order, which rounding shows; all else is the same to the last bit.
            tolerance = 1e-5 * np.abs(their_x).max() if "zca" in str(OPTIONS[kind]) else 0
            np.testing.assert_allclose(my_x, their_x, rtol=0, atol=tolerance)
            assert my_x.dtype == their_x.dtype
            assert my_x.shape == their_x.shape


@pytest.mark.keras
@pytest.mark.filterwarnings("ignore")
def test_same_parameters_as_keras() -> None:
    options = {"rotation_range": 9, "brightness_range": (0.5, 1), "channel_shift_range": 3, "horizontal_flip": True}
    for seed in range(5):
        mine = ImageDataGenerator(**options).get_random_transform((5, 6, 3), seed=seed)
        theirs = keras_generator(**options).get_random_transform((5, 6, 3), seed=seed)
        assert mine == theirs
        x = images(1)[0].astype("float32")
        np.testing.assert_array_equal(
            ImageDataGenerator(**options).random_transform(x.copy(), seed),
            keras_generator(**options).random_transform(x.copy(), seed),
        )


@pytest.mark.keras
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("subset", ["training", "validation", None])
def test_subsets_weights_and_no_shuffling_as_keras(subset: str | None) -> None:
    x, y = images(), np.arange(12) % 2
    weights = np.linspace(0, 1, 12)
    for options in ({"y": y}, {}, {"y": y, "sample_weight": weights if subset is None else None}):
        flows = [
            generator(validation_split=0.5, rescale=2.0).flow(x, **options, batch_size=4, shuffle=False, subset=subset)
            for generator in (ImageDataGenerator, keras_generator)
        ]
        assert len(flows[0]) == len(flows[1])
        for mine, theirs in zip(*([flow[i] for i in range(len(flow))] for flow in flows), strict=True):
            assert type(mine) is type(theirs)
            for my_array, their_array in zip(mine, theirs, strict=True):
                np.testing.assert_array_equal(my_array, their_array)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Pictures of two classes, of several sizes and kinds."""
    for number, name in enumerate(("cats/1.png", "cats/2.jpg", "cats/deep/3.png", "dogs/4.bmp", "dogs/5.png")):
        path = tmp_path / "pictures" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        channels = (1, 3, 4, 3, 3)[number]
        image.array_to_img(images(1, (20, 10 + number, channels), number)[0], scale=False).save(path)
    (tmp_path / "pictures" / "dogs" / "notes.txt").write_text("no picture")
    return tmp_path / "pictures"


@pytest.mark.keras
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("class_mode", ["categorical", "binary", "sparse", "input", None])
@pytest.mark.parametrize("color_mode", ["rgb", "rgba", "grayscale"])
def test_folders_as_keras(folder: Path, class_mode: str | None, color_mode: str, capsys) -> None:
    for options in (
        {"target_size": (8, 6)},
        {"target_size": (8, 6), "interpolation": "bilinear", "classes": ["dogs", "cats"]},
        {"target_size": (9, 9), "keep_aspect_ratio": True, "subset": "training"},
        {"target_size": (9, 9), "subset": "validation", "shuffle": False},
    ):
        flows = [
            generator(rotation_range=20, rescale=1 / 255, validation_split=0.5).flow_from_directory(
                str(folder), class_mode=class_mode, color_mode=color_mode, batch_size=2, seed=3, **options
            )
            for generator in (ImageDataGenerator, keras_generator)
        ]
        mine, theirs = flows
        lines = capsys.readouterr().out.splitlines()
        assert lines[0] == lines[1] == f"Found {mine.samples} images belonging to 2 classes."
        for name in ("class_indices", "filenames", "filepaths", "num_classes", "samples", "n", "image_shape"):
            assert getattr(mine, name) == getattr(theirs, name)
        np.testing.assert_array_equal(mine.classes, theirs.classes)
        for _ in range(4):
            read = [next(flow) for flow in flows]
            for my_array, their_array in zip(*((it,) if class_mode is None else it for it in read), strict=True):
                np.testing.assert_array_equal(my_array, their_array)
                assert my_array.dtype == their_array.dtype


@pytest.mark.keras
@pytest.mark.parametrize("mode", ["grayscale", "rgb", "rgba"])
def test_pictures_as_keras(folder: Path, mode: str) -> None:
    import keras

    for path in folder.rglob("*.*g"):
        for size in (None, (20, 10), (5, 30)):
            options = {"color_mode": mode, "target_size": size, "interpolation": "bicubic"}
            mine, theirs = image.load_img(path, **options), keras.utils.load_img(path, **options)
            assert mine.mode == theirs.mode
            array = image.img_to_array(mine)
            np.testing.assert_array_equal(array, keras.utils.img_to_array(theirs))
            for scale in (True, False):
                back = image.array_to_img(array / 3, scale=scale)
                np.testing.assert_array_equal(back, keras.utils.array_to_img(array / 3, scale=scale))


# --- on its own ---


def test_affine_map_by_its_meaning() -> None:
    x = np.arange(25, dtype="float32").reshape(5, 5, 1)
    np.testing.assert_array_equal(image.apply_affine_transform(x, tx=1)[:, :-1], x[:, 1:])
    np.testing.assert_array_equal(image.apply_affine_transform(x, ty=-1)[1:], x[:-1])
    np.testing.assert_allclose(image.apply_affine_transform(x, theta=90)[..., 0], np.rot90(x[..., 0]), atol=1e-5)
    np.testing.assert_allclose(image.apply_affine_transform(x, zx=0.5, zy=0.5)[2, 2], x[2, 2])
    np.testing.assert_allclose(image.apply_affine_transform(x, zx=0.5)[2, ::2, 0], [11, 12, 13], atol=1e-5)


def test_standardizing_by_its_meaning() -> None:
    x = images(40, (4, 4, 3)).astype("float32")
    featurewise = ImageDataGenerator(featurewise_center=True, featurewise_std_normalization=True)
    featurewise.fit(x)
    y = featurewise.standardize(x.copy())
    np.testing.assert_allclose(y.mean((0, 1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(y.std((0, 1, 2)), 1, rtol=1e-5)
    samplewise = ImageDataGenerator(samplewise_center=True, samplewise_std_normalization=True)
    y = next(samplewise.flow(x))
    np.testing.assert_allclose(y.mean((1, 2, 3)), 0, atol=1e-5)
    np.testing.assert_allclose(y.std((1, 2, 3)), 1, rtol=1e-5)
    x = images(100, (3, 3, 1)).astype("float64")
    whitened = ImageDataGenerator(featurewise_center=True, zca_whitening=True, dtype="float64", rescale=0.1)
    whitened.fit(x)
    rows = whitened.standardize(x.copy()).reshape(100, 9)
    np.testing.assert_allclose(rows.T @ rows / 100, np.eye(9), atol=1e-6)
    halved = ImageDataGenerator(preprocessing_function=lambda image: image / 2)
    np.testing.assert_array_equal(halved.standardize(x.copy()), x / 2)


def test_random_changes_by_their_meaning() -> None:
    x = images(1, (6, 6, 3))[0].astype("float32")
    for options, key, found in (
        ({"rotation_range": 40}, "theta", (-40, 40)),
        ({"height_shift_range": 0.5}, "tx", (-3, 3)),
        ({"width_shift_range": 2.0}, "ty", (-2, 2)),
        ({"width_shift_range": 3}, "ty", {-2, -1, 0, 1, 2}),
        ({"height_shift_range": [1, 4]}, "tx", {-4, -1, 1, 4}),
        ({"shear_range": 10}, "shear", (-10, 10)),
        ({"zoom_range": 0.4}, "zx", (0.6, 1.4)),
        ({"zoom_range": (0.5, 0.9)}, "zy", (0.5, 0.9)),
        ({"channel_shift_range": 20}, "channel_shift_intensity", (-20, 20)),
        ({"brightness_range": (0.3, 0.5)}, "brightness", (0.3, 0.5)),
    ):
        generator = ImageDataGenerator(**options)
        drawn = [generator.get_random_transform(x.shape, seed)[key] for seed in range(300)]
        if isinstance(found, set):
            assert set(drawn) == found
        else:
            low, high = found
            assert low <= min(drawn) < low + 0.1 * (high - low)
            assert high >= max(drawn) > high - 0.1 * (high - low)
    flips = ImageDataGenerator(horizontal_flip=True, vertical_flip=True)
    for seed in range(8):
        params = flips.get_random_transform(x.shape, seed)
        rows = slice(None, None, -1 if params["flip_vertical"] else 1)
        columns = slice(None, None, -1 if params["flip_horizontal"] else 1)
        np.testing.assert_array_equal(flips.random_transform(x, seed), x[rows, columns])
    np.testing.assert_array_equal(image.apply_channel_shift(x, 40.0), np.minimum(x + 40, x.max()))
    np.testing.assert_array_equal(image.apply_brightness_shift(x, 1.5, scale=False), np.minimum(np.floor(x * 1.5), 255))
    np.testing.assert_allclose(image.apply_brightness_shift(x - 100, 1.0, scale=False), x - 100, atol=1)


@pytest.mark.parametrize("class_mode", ["categorical", "sparse", "input", None])
def test_batches_from_a_folder(folder: Path, class_mode: str | None) -> None:
    flow = ImageDataGenerator().flow_from_directory(folder, (8, 6), class_mode=class_mode, shuffle=False)
    batch = next(flow)
    x, y = (batch, None) if class_mode is None else batch
    assert x.shape == (5, 8, 6, 3)
    expected = {"categorical": np.eye(2)[[0, 0, 0, 1, 1]], "sparse": [0, 0, 0, 1, 1], "input": x, None: None}[
        class_mode
    ]
    np.testing.assert_array_equal(y, expected)
    assert flow.labels.tolist() == [0, 0, 0, 1, 1]
    assert [Path(path).name for path in flow.filepaths] == ["1.png", "2.jpg", "3.png", "4.bmp", "5.png"]
    first = image.load_img(folder / "cats" / "1.png", color_mode="grayscale")
    np.testing.assert_array_equal(first, images(1, (20, 10, 1), 0)[0, :, :, 0])
    kept = image.load_img(folder / "cats" / "1.png", target_size=(5, 5), keep_aspect_ratio=True, color_mode="grayscale")
    np.testing.assert_array_equal(kept, np.asarray(first.crop((0, 5, 10, 15)).resize((5, 5), 0)))
    content = io.BytesIO((folder / "cats" / "1.png").read_bytes())
    assert image.load_img(content, target_size=(20, 10)).size == (10, 20)


def test_iterator_without_end() -> None:
    x = images()
    flow = ImageDataGenerator().flow(x, np.arange(12), batch_size=5)
    assert len(flow) == 3
    epochs = [np.concatenate([next(flow)[1] for _ in range(3)]) for _ in range(2)]
    assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(12))
    assert not np.array_equal(*epochs)
    next(flow)
    flow.reset()
    assert len(next(flow)[1]) == 5
    assert iter(flow) is flow
    with pytest.raises(ValueError, match=r"NumpyArrayIterator: expected the number of a batch, 0 … 2, received 3\."):
        flow[3]
    for copied in (copy.deepcopy(flow), pickle.loads(pickle.dumps(flow))):
        assert next(copied)[0].shape == (5, 9, 7, 3)


def test_images_stay_as_they_were() -> None:
    x = images().astype("float32")
    before = x.copy()
    generator = ImageDataGenerator(
        rescale=0.1, featurewise_center=True, samplewise_center=True, brightness_range=(0.1, 0.5), vertical_flip=True
    )
    generator.fit(x, augment=True)
    next(generator.flow(x))
    generator.random_transform(x[0])
    np.testing.assert_array_equal(x, before)
    with pytest.raises(TypeError, match=rf"{WHO}\.standardize: expected floats, received uint8\. Cast them first"):
        generator.standardize(images())


def test_flow_uses_no_global_generator_where_it_has_a_seed() -> None:
    np.random.seed(1)  # noqa: NPY002
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    next(ImageDataGenerator(rotation_range=9, zoom_range=0.1).flow(images(), seed=3))
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002


@pytest.mark.parametrize("from_folder", [False, True])
def test_fit_takes_it(folder: Path, from_folder: bool) -> None:
    generator = ImageDataGenerator(rotation_range=10, rescale=1 / 255, validation_split=0.4)
    if from_folder:
        sets = [
            generator.flow_from_directory(folder, (9, 7), class_mode="sparse", batch_size=2, subset=subset)
            for subset in ("training", "validation")
        ]
    else:
        y = np.arange(12) % 2
        sets = [generator.flow(images(), y, batch_size=4, subset=subset) for subset in ("training", "validation")]
    model = tinycnn.Sequential([Flatten(), Dense(2, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(sets[0], epochs=2, validation_data=sets[1], verbose=0)
    assert len(history.history["val_loss"]) == 2
    assert len(model.evaluate(sets[1], verbose=0)) == 2
    assert model.predict(sets[0], verbose=0).shape == (sets[0].n, 2)
    assert model.fit(sets[0], steps_per_epoch=1, verbose=0).history["loss"]


def test_same_seed_same_bits() -> None:
    runs = []
    for _ in range(2):
        tinycnn.set_random_seed(4)
        flow = ImageDataGenerator(rotation_range=10).flow(images(), np.arange(12) % 2, batch_size=4)
        model = tinycnn.Sequential([Flatten(), Dense(2, activation="softmax")])
        model.compile("sgd", "sparse_categorical_crossentropy")
        model.fit(flow, epochs=2, verbose=0)
        runs.append(model.get_weights())
    for first, second in zip(*runs, strict=True):
        np.testing.assert_array_equal(first, second)


def test_pictures_are_kept(tmp_path: Path) -> None:
    flow = ImageDataGenerator(horizontal_flip=True).flow(
        images(), batch_size=5, save_to_dir=tmp_path, save_prefix="cat", save_format="jpeg"
    )
    next(flow)
    files = sorted(tmp_path.iterdir())
    assert len(files) == 5
    assert all(file.name.startswith("cat_") and file.suffix == ".jpeg" for file in files)
    assert image.img_to_array(image.load_img(files[0])).shape == (9, 7, 3)


def test_without_scipy(monkeypatch: pytest.MonkeyPatch) -> None:
    imported = builtins.__import__

    def refuse(name: str, *arguments: object, **options: object) -> object:
        if name.startswith("scipy"):
            raise ImportError(name)
        return imported(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", refuse)
    for name in [name for name in sys.modules if name.startswith("scipy")]:
        monkeypatch.delitem(sys.modules, name)
    next(ImageDataGenerator(horizontal_flip=True, rescale=0.5, brightness_range=(0.5, 1)).flow(images()))
    with pytest.raises(ImportError, match=rf"{WHO}: expected SciPy, .* found none\. Install it: pip install scipy"):
        next(ImageDataGenerator(rotation_range=5).flow(images()))


def test_warnings_of_options_that_need_others() -> None:
    for options, message, changed in (
        ({"zca_whitening": True}, "zca_whitening needs featurewise_center, which is now on", "featurewise_center"),
        ({"featurewise_std_normalization": True}, "needs featurewise_center, which is now on", "featurewise_center"),
        ({"samplewise_std_normalization": True}, "needs samplewise_center, which is now on", "samplewise_center"),
    ):
        with pytest.warns(UserWarning, match=message):
            generator = ImageDataGenerator(**options)
        assert getattr(generator, changed)
    with pytest.warns(UserWarning, match="takes the place of featurewise_std_normalization, which is now off"):
        generator = ImageDataGenerator(featurewise_center=True, zca_whitening=True, featurewise_std_normalization=True)
    assert not generator.featurewise_std_normalization
    with pytest.warns(UserWarning, match=r"featurewise_center is on, but nothing is measured yet.*fit\(x_train\)"):
        ImageDataGenerator(featurewise_center=True).standardize(np.ones((1, 2, 2, 1)))
    with pytest.warns(UserWarning, match=r"expected 1, 3 or 4 channels on the last axis, received \(2, 3, 28, 28\)"):
        ImageDataGenerator().flow(np.zeros((2, 3, 28, 28)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ImageDataGenerator(featurewise_center=True, featurewise_std_normalization=True).fit(images())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rotation_range": "20"}, "expected rotation_range as a number, received '20'"),
        ({"shear_range": (1, 2)}, r"expected shear_range as a number, received \(1, 2\)"),
        ({"channel_shift_range": None}, "expected channel_shift_range as a number, received None"),
        ({"width_shift_range": "1"}, "expected width_shift_range as a number or a list of numbers, received '1'"),
        ({"height_shift_range": []}, r"expected height_shift_range as a number or a list of numbers, received \[\]"),
        ({"zoom_range": (1, 2, 3)}, r"expected zoom_range as a number or two numbers, received \(1, 2, 3\)"),
        ({"brightness_range": 0.2}, "expected brightness_range as two numbers, received 0.2"),
        ({"fill_mode": "black"}, "expected fill_mode one of nearest, constant, reflect, wrap, received 'black'"),
        ({"validation_split": 1.0}, "expected 0 <= validation_split < 1, received 1.0"),
        (
            {"data_format": "channels_first"},
            r"expected data_format 'channels_last', received 'channels_first'.*transpose",
        ),
    ],
)
def test_wrong_options(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=rf"^{WHO}: {message}"):
        ImageDataGenerator(**options)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.zeros((5, 28, 28)),), r"expected images of shape \(n, height, .*received \(5, 28, 28\)\. Add the channel"),
        ((np.zeros((5, 784)),), r"received \(5, 784\)\. Pass a batch of images"),
        (([np.zeros((4, 4, 1)), np.zeros((5, 5, 1))],), "expected one array of images"),
        ((images(), np.zeros(5)), r"expected y for each of the 12 images, received shape \(5,\)"),
        ((images(), None, 0), "NumpyArrayIterator: expected batch_size >= 1, received 0"),
        (
            (images(), None, 4, True, np.ones(3)),
            r"expected sample_weight for each of the 12 images, received shape \(3,\)",
        ),
        ((np.zeros((0, 4, 4, 1)),), "expected at least one image, received none"),
    ],
)
def test_wrong_arrays(arguments: tuple, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ImageDataGenerator().flow(*arguments)


def test_wrong_subsets() -> None:
    generator = ImageDataGenerator(validation_split=0.5)
    with pytest.raises(ValueError, match=rf"{WHO}\.flow: expected subset 'training' or 'validation', received 'test'"):
        generator.flow(images(), subset="test")
    with pytest.raises(ValueError, match=r"expected the same classes in both subsets.*ignore_class_split=True"):
        generator.flow(images(), np.arange(12), subset="training")
    assert generator.flow(images(), np.arange(12), subset="training", ignore_class_split=True).n == 6
    assert generator.flow(images(), np.eye(2)[np.arange(12) % 2], subset="training").n == 6


def test_wrong_folders(folder: Path) -> None:
    read = ImageDataGenerator().flow_from_directory
    with pytest.raises(FileNotFoundError, match=r"flow_from_directory: expected a folder .*none', which is no"):
        read(str(folder / "none"))
    with pytest.raises(ValueError, match=r"expected a folder of pictures \(png, .*received none"):
        read(folder / "dogs")
    for options, message in (
        ({"class_mode": "one-hot"}, "expected class_mode one of 'categorical', .*, received 'one-hot'"),
        ({"color_mode": "bgr"}, "expected color_mode one of rgb, rgba, grayscale, received 'bgr'"),
        ({"interpolation": "best"}, "expected interpolation one of nearest, .*, received 'best'"),
    ):
        with pytest.raises(ValueError, match=message):
            read(folder, **options)
    (folder / "cats" / "1.png").write_text("no picture")
    flow = read(folder, shuffle=False)
    with pytest.raises(ValueError, match=r"load_img: expected a picture, received .*1\.png \(.*\)\. Mend the file"):
        next(flow)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: image.img_to_array(np.zeros((2, 3, 4, 3))), r"img_to_array: expected a picture .*\(2, 3, 4, 3\)"),
        (lambda: image.array_to_img(np.zeros((3, 4))), r"array_to_img: expected an array .*received \(3, 4\)"),
        (lambda: image.array_to_img(np.zeros((3, 4, 2))), r"received \(3, 4, 2\)"),
        (
            lambda: image.array_to_img(np.zeros((3, 4, 1)), data_format="channels_first"),
            "array_to_img: .*channels_last",
        ),
        (lambda: image.apply_affine_transform(np.zeros((3, 4, 1)), channel_axis=0), "received \\(0, 1, 0\\)"),
    ],
)
def test_wrong_pictures(call, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
