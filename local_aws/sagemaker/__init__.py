"""The SageMaker service of the embedded AWS: training jobs, models and real-time endpoints.

`service` takes requests. `training` and `endpoint` hold the lives of jobs and endpoints, `hosting`
what endpoints are made of, and `container` runs images as processes. An endpoint's invocations come
through `invocation` and are spread by `traffic` over the instances of a `fleet`, which `deployment`
says how to replace.
"""
