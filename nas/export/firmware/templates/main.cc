// Self-test: starts the model in its arena, runs every test vector, reports arena use and the result.

#include "check.h"
#include "model_config.h"
#include "model_data.h"
#include "op_resolver.h"
#include "port.h"
#include "tensorflow/lite/micro/cortex_m_generic/debug_log_callback.h"
#include "tensorflow/lite/micro/micro_interpreter.h"
#include "tensorflow/lite/schema/schema_generated.h"

namespace kilosmith {
namespace {

__attribute__((section(".kilosmith_arena"), aligned(16))) std::uint8_t arena[kArenaBytes];

void WriteLog(const char* text) { PortWrite(text); }

// Whether op_resolver.h registers every operator of the model; names the first that it lacks.
bool CheckOperators(const tflite::Model& model, const OpResolver& resolver) {
  for (const tflite::OperatorCode* code : *model.operator_codes()) {
    const tflite::BuiltinOperator builtin = code->builtin_code() > code->deprecated_builtin_code()
                                                ? code->builtin_code()
                                                : static_cast<tflite::BuiltinOperator>(code->deprecated_builtin_code());
    if (resolver.FindOp(builtin) == nullptr) {
      Say("FAIL: the model needs the operator %s, which op_resolver.h does not register",
          tflite::EnumNameBuiltinOperator(builtin));
      return false;
    }
  }
  return true;
}

// Whether the started model has the shape that the sources were generated for.
bool CheckTensors(const TfLiteTensor* input, const TfLiteTensor* output) {
  if (input->type == kTfLiteInt8 && input->bytes == static_cast<size_t>(kInputHeight) * kInputWidth * kInputChannels &&
      output->type == kTfLiteInt8 && output->bytes == static_cast<size_t>(kNumClasses)) {
    return true;
  }
  Say("FAIL: the model must take int8 %dx%dx%d and give int8 %d; its tensors differ", kInputHeight, kInputWidth,
      kInputChannels, kNumClasses);
  return false;
}

bool RunVector(int index, tflite::MicroInterpreter& interpreter) {
  if (!CheckInput(index, interpreter.input(0)->data.int8)) return false;
  const std::uint32_t start = PortTicks();
  if (interpreter.Invoke() != kTfLiteOk) {
    Say("FAIL: vector %d: TFLM could not run the model", index);
    return false;
  }
  const std::uint32_t ticks = PortTicks() - start;
  if (!CheckOutput(index, interpreter.output(0)->data.int8)) return false;
  Say("vector %d: ok, class %d, %lu %s", index, kTestVectors[index].predicted, static_cast<unsigned long>(ticks),
      kPortTickUnit);
  return true;
}

bool RunAll() {
  if (!CheckModel()) return false;
  const tflite::Model& model = *tflite::GetModel(kModelData);
  OpResolver resolver;
  if (!RegisterOperators(resolver)) {
    Say("FAIL: op_resolver.h must have room for every operator it registers");
    return false;
  }
  if (!CheckOperators(model, resolver)) return false;
  tflite::MicroInterpreter interpreter(&model, resolver, arena, kArenaBytes);
  if (interpreter.AllocateTensors() != kTfLiteOk) {
    Say("FAIL: the arena is too small: TFLM cannot start the model in kArenaBytes = %d", kArenaBytes);
    return false;
  }
  Say("arena: %u of %d bytes used", static_cast<unsigned>(interpreter.arena_used_bytes()), kArenaBytes);
  if (!CheckTensors(interpreter.input(0), interpreter.output(0))) return false;
  for (int index = 0; index < kNumTestVectors; ++index) {
    if (!RunVector(index, interpreter)) return false;
  }
  return true;
}

}  // namespace
}  // namespace kilosmith

int main() {
  kilosmith::PortInit();
  RegisterDebugLogCallback(kilosmith::WriteLog);
  kilosmith::Say("kilosmith self-test of %s", kilosmith::kModelName);
  const bool passed = kilosmith::RunAll();
  kilosmith::Say(passed ? "PASS: %d vectors" : "FAIL: of %d vectors not all could be run", kilosmith::kNumTestVectors);
  kilosmith::PortExit(passed ? 0 : 1);
}
