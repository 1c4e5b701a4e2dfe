"""A loader that is safe and small."""

import keras
import numpy as np


class Mine(keras.utils.PyDataset):
    def __len__(self):
        return 12

    def __getitem__(self, index):
        return np.full((2, 3), index, "float32"), np.full(2, index, "int32")
