// Two engines in this process and a connection between them, for tests of the public interface.
#ifndef MLPERF_LOADGEN_TESTS_UNIT_TRANSFER_ENGINE_PAIR_H_
#define MLPERF_LOADGEN_TESTS_UNIT_TRANSFER_ENGINE_PAIR_H_

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine.h"

namespace mlperf::transfer {

inline std::shared_ptr<Engine> StartEngine(EngineOptions options = {}) {
  std::shared_ptr<Engine> engine;
  const Status status = Engine::Start(options, &engine);
  EXPECT_TRUE(status.ok()) << status.message;
  return engine;
}

inline std::shared_ptr<Region> Allocate(const std::shared_ptr<Engine>& engine, uint64_t nbytes,
                                        Access access = Access::kReadWrite) {
  std::shared_ptr<Region> region;
  const Status status = engine->Allocate(nbytes, access, &region);
  EXPECT_TRUE(status.ok()) << status.message;
  return region;
}

// Memory of the program, kept alive by the region.
inline std::shared_ptr<Region> Register(const std::shared_ptr<Engine>& engine, uint64_t nbytes,
                                        Access access = Access::kReadWrite) {
  auto owner = std::make_shared<std::vector<char>>(nbytes);
  std::shared_ptr<Region> region;
  const Status status = engine->Register(owner->data(), nbytes, access, &region, owner);
  EXPECT_TRUE(status.ok()) << status.message;
  return region;
}

// How bytes move: "tcp", "shm" with memory that is mapped, "socket": shm with memory that is not.
struct EnginePair {
  explicit EnginePair(std::string how_bytes_move, double spin_us = 0)
      : how(std::move(how_bytes_move)) {
    EngineOptions options;
    options.providers = {how == "tcp" ? "tcp" : "shm"};
    options.spin_us = spin_us;
    target = StartEngine(options);
    caller = StartEngine(options);
    Status status = caller->Connect(target->address(), 5, &peer);
    EXPECT_TRUE(status.ok()) << status.message;
    status = target->Accept(5, &accepted);
    EXPECT_TRUE(status.ok()) << status.message;
    if (peer != nullptr) {
      EXPECT_EQ(peer->provider(), how == "tcp" ? "tcp" : "shm");
    }
  }

  std::shared_ptr<Region> NewTarget(uint64_t nbytes, Access access = Access::kReadWrite) const {
    return how == "socket" ? Register(target, nbytes, access) : Allocate(target, nbytes, access);
  }
  std::shared_ptr<Region> NewLocal(uint64_t nbytes) const { return Register(caller, nbytes); }

  std::shared_ptr<RemoteRegion> Open(const std::shared_ptr<Region>& region) const {
    std::shared_ptr<RemoteRegion> remote;
    const Status status = peer->Open(region->descriptor(), &remote);
    EXPECT_TRUE(status.ok()) << status.message;
    return remote;
  }

  const std::string how;
  std::shared_ptr<Engine> target, caller;
  std::shared_ptr<Peer> peer, accepted;
};

inline std::shared_ptr<Op> Read(const std::shared_ptr<RemoteRegion>& remote,
                                const std::shared_ptr<Region>& local,
                                const std::vector<Slice>& slices) {
  std::shared_ptr<Op> op;
  const Status status = remote->Read(local, slices, &op);
  EXPECT_TRUE(status.ok()) << status.message;
  return op;
}

inline std::shared_ptr<Op> Write(const std::shared_ptr<RemoteRegion>& remote,
                                 const std::shared_ptr<Region>& local,
                                 const std::vector<Slice>& slices,
                                 std::optional<uint32_t> imm = std::nullopt) {
  std::shared_ptr<Op> op;
  const Status status = remote->Write(local, slices, imm, &op);
  EXPECT_TRUE(status.ok()) << status.message;
  return op;
}

inline void ExpectDone(const std::shared_ptr<Op>& op) {
  ASSERT_NE(op, nullptr);
  const Status status = op->Wait(20);
  EXPECT_TRUE(status.ok()) << status.message;
}

// Bytes that follow from their place.
inline void Fill(const std::shared_ptr<Region>& region, uint32_t seed) {
  for (uint64_t i = 0; i < region->nbytes(); ++i) {
    region->data()[i] = static_cast<char>((i * 2654435761u + seed) >> 13);
  }
}

// `count` immediates, in the order in which they came.
inline std::vector<uint32_t> TakeImmediates(const std::shared_ptr<Engine>& engine, size_t count) {
  std::vector<uint32_t> imms;
  while (imms.size() < count) {
    std::vector<Immediate> taken;
    const Status status = engine->TakeImmediates(20, &taken);
    if (!status.ok()) {
      ADD_FAILURE() << status.message;
      break;
    }
    for (const Immediate& immediate : taken) imms.push_back(immediate.imm);
  }
  return imms;
}

}  // namespace mlperf::transfer

#endif  // MLPERF_LOADGEN_TESTS_UNIT_TRANSFER_ENGINE_PAIR_H_
