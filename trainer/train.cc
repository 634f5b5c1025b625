#include "trainer/train.h"

#include "trainer/trainer.h"

namespace partialfc {

TrainOutcome train(const Recipe& recipe, Communicator& world, const TrainOptions& options) {
  return Trainer(recipe, world, options).run();
}

}  // namespace partialfc
