"""`python -m fourfold_server`: the command line."""

from fourfold_server.cli import main

if __name__ == "__main__":
    main()
