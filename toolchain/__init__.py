"""How it gets there: CDK apps of their own, which deploy the environments."""
