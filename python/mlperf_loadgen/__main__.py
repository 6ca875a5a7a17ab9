"""Starts the command line."""

import sys


def main() -> None:
    """Runs the command that the arguments name, and exits with its status."""
    try:
        from .cli.app import app
    except ModuleNotFoundError as error:
        if error.name not in ("typer", "rich"):
            raise
        fix = "pip install 'mlperf_loadgen[cli]'"
        print(f"error: the command line needs {error.name}, not installed: {fix}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:  # Before the command line is there to report it.
        print("error: interrupted", file=sys.stderr)
        sys.exit(130)
    app(prog_name="mlperf-loadgen")


if __name__ == "__main__":
    main()
