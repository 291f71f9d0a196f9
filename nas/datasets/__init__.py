"""Images and labels as uint8 arrays, their splits, and the one way they become network inputs (`preprocess`)."""

from nas.datasets.catalogue import DatasetShape, describe_dataset, load_dataset
from nas.datasets.images import Dataset, Split

__all__ = ["Dataset", "DatasetShape", "Split", "describe_dataset", "load_dataset"]
