"""Runs in the venv of MXNet: `save MODEL.npz FILE`, `load FILE MODEL.npz`, `resave FILE FILE`."""

import sys

import mxnet  # type: ignore[import-not-found]
import numpy

command, source, target = sys.argv[1:]
if command == "save":
    arrays = numpy.load(source)
    mxnet.nd.save(target, [mxnet.nd.array(arrays[name]) for name in ("alpha", "beta")])
elif command == "resave":
    mxnet.nd.save(target, mxnet.nd.load(source))
else:
    alpha, beta = mxnet.nd.load(source)
    numpy.savez(target, alpha=alpha.asnumpy(), beta=beta.asnumpy())
