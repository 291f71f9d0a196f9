"""From a trained torch network to what a microcontroller runs: Keras, int8 TFLite, TFLM, ONNX and firmware sources.

tensorflow, tflite_micro and onnx are imported inside functions only: they cost seconds and hundreds of megabytes.
"""
