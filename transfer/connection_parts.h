// What the files of the connection share.
#ifndef MLPERF_TRANSFER_CONNECTION_PARTS_H_
#define MLPERF_TRANSFER_CONNECTION_PARTS_H_

#include <cstdint>
#include <memory>
#include <optional>

#include "connection.h"
#include "region_table.h"
#include "status.h"

namespace mlperf::transfer {

// A region that is being opened.
struct Opening {
  RegionKey key;
  std::shared_ptr<RemoteMemory> remote;  // Once its operation ended well.
};

// A batch whose bytes a provider moves. An immediate follows on the connection, in the order in
// which the writes were posted.
struct LinkWrite {
  std::shared_ptr<Op> op;
  std::shared_ptr<RemoteMemory> remote;
  std::shared_ptr<Memory> local;
  std::optional<uint32_t> imm;
  bool is_finished = false;
  Status status;
};

}  // namespace mlperf::transfer

#endif  // MLPERF_TRANSFER_CONNECTION_PARTS_H_
