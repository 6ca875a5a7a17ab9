#include "status.h"

#include <system_error>

namespace mlperf::transfer {

Status Status::System(const std::string& what, int error) {
  return Failed(what + ": " + std::generic_category().message(error));
}

}  // namespace mlperf::transfer
