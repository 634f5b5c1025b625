// The layer and what it stands on: all that a program needs that brings its own backbone. See examples/use_the_library.
#pragma once

#include "partialfc/checkpoint/center_files.h"
#include "partialfc/comm/mpi.h"
#include "partialfc/comm/thread_ranks.h"
#include "partialfc/eval/verification.h"
#include "partialfc/head/device_layer.h"
#include "partialfc/head/partial_fc.h"
