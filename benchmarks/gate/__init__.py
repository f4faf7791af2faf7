"""The gate in a simulated StarRocks: `world` simulates, `scenarios` names, `plots` draws."""
