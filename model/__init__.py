"""The chip and the network that lives on it, in torch. Knows no Mesa and no pandas."""
