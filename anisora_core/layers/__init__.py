"""Building blocks of the networks; weighted layers come from the injected `ops`."""
