"""Application Auto Scaling of the embedded AWS, as far as instances of endpoints need it.

`service` takes requests, `targets` holds what is registered, `tracking` scales it.
"""
