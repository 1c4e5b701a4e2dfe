"""TensorFlow and Keras releases as asv's revisions: host side, never imports TensorFlow."""
