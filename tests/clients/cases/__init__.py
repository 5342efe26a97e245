"""The cases: every public function of every module here that takes a lab."""
import importlib
import inspect
import pkgutil


def every():
    """All cases by name, in the order they are written."""
    found = {}
    for module in pkgutil.iter_modules(__path__):
        loaded = importlib.import_module(f"{__name__}.{module.name}")
        for name, case in vars(loaded).items():
            if inspect.isfunction(case) and case.__module__ == loaded.__name__ and not name.startswith("_"):
                found[name] = case
    return found
