"""Room `expressions`: typed expression tree and its vectorised evaluation."""
