// Goal: libfabric's providers move exactly the bytes asked for, keep to rights and bounds, end what
// is under way when a link or a region ends, and say why they are not usable. Method: two ends in
// one process over libfabric's own tcp provider, which users are not offered; it takes the same
// path through this code as RDMA. Without libfabric or its headers those tests are skipped.
#include "fabric_provider.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <numeric>
#include <string>
#include <vector>

#include "fabric_machine.h"

namespace mlperf::transfer {
namespace {

namespace fs = std::filesystem;

// libfabric's tcp, or in a machine that has RDMA (tests/emulation) what LOADGEN_TEST_FABRIC names.
FabricKind Tested() {
  if (const char* name = getenv("LOADGEN_TEST_FABRIC")) return {name, name, "never"};
  return {"libfabric's tcp", "tcp;ofi_rxm", "never", "127.0.0.1"};
}
constexpr char kAbsent[] = "built without libfabric's headers";

// Collects how operations ended.
class Endings {
 public:
  std::function<void(Status)> Next() {
    return [this](Status status) {
      const std::lock_guard lock(mutex_);
      statuses_.push_back(std::move(status));
      more_.notify_all();
    };
  }
  // Those of the first `count`, or fewer if they do not come in 20 s.
  std::vector<Status> Wait(size_t count) {
    std::unique_lock lock(mutex_);
    more_.wait_for(lock, std::chrono::seconds(20), [&] { return statuses_.size() >= count; });
    return statuses_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable more_;
  std::vector<Status> statuses_;
};

struct End {
  std::shared_ptr<Provider> provider;
  std::vector<char> bytes;
  std::shared_ptr<ProviderMemory> memory;

  Status Start(size_t nbytes, Access access, double reachable_s = 60) {
    bytes.assign(nbytes, 0);
    FabricKind kind = Tested();
    kind.reachable_s = reachable_s;
    Status status = MakeFabricProvider(kind, &provider);
    return status.ok() ? provider->Register(bytes.data(), bytes.size(), access, &memory) : status;
  }
};

class FabricProviderTest : public testing::Test {
 protected:
  static constexpr size_t kNbytes = 1 << 20;

  void SetUp() override { Start(Access::kReadWrite); }

  void Start(Access access, double reachable_s = 60) {
    const Status status = server_.Start(kNbytes, access);
    if (!status.ok()) GTEST_SKIP() << status.message;
    ASSERT_TRUE(client_.Start(kNbytes, Access::kReadWrite, reachable_s).ok());
    ASSERT_TRUE(client_.provider->Connect(server_.provider->Introduce(), &link_).ok());
    ASSERT_TRUE(link_->Open(server_.memory->exported(), kNbytes, access, &target_).ok());
  }

  Status Post(bool is_write, const std::vector<Slice>& slices) {
    return link_->Post({is_write, client_.bytes.data(), kNbytes, client_.memory, target_, slices},
                       endings_.Next());
  }
  // Posts and waits: how it ended.
  StatusCode Move(bool is_write, const std::vector<Slice>& slices) {
    const size_t before = endings_.Wait(0).size();
    if (const Status status = Post(is_write, slices); !status.ok()) return status.code;
    const std::vector<Status> ended = endings_.Wait(before + 1);
    return ended.size() > before ? ended.back().code : StatusCode::kTimeout;
  }

  Endings endings_;
  End server_, client_;
  std::shared_ptr<ProviderLink> link_;
  std::shared_ptr<ProviderTarget> target_;
};

TEST_F(FabricProviderTest, ReadsTheBytesOfEachSlice) {
  std::iota(server_.bytes.begin(), server_.bytes.end(), '\1');
  ASSERT_EQ(Move(false, {{0, 4096, 512}, {512, 65537, 3}, {900'000, 0, 100'000}}), StatusCode::kOk);
  std::vector<char> expected(kNbytes, 0);
  memcpy(&expected[0], &server_.bytes[4096], 512);
  memcpy(&expected[512], &server_.bytes[65537], 3);
  memcpy(&expected[900'000], &server_.bytes[0], 100'000);
  EXPECT_TRUE(client_.bytes == expected);
}

TEST_F(FabricProviderTest, WritesTheBytesOfEachSliceAndNoOthers) {
  std::iota(client_.bytes.begin(), client_.bytes.end(), '\1');
  ASSERT_EQ(Move(true, {{4096, 0, 512}, {0, 1000, 1}, {17, kNbytes - 5, 5}}), StatusCode::kOk);
  std::vector<char> expected(kNbytes, 0);
  memcpy(&expected[0], &client_.bytes[4096], 512);
  memcpy(&expected[1000], &client_.bytes[0], 1);
  memcpy(&expected[kNbytes - 5], &client_.bytes[17], 5);
  EXPECT_TRUE(server_.bytes == expected);
}

TEST_F(FabricProviderTest, ManyBatchesAtOnceEachEndOnce) {
  constexpr size_t kBatches = 500, kSlices = 16, kPart = 64;
  std::iota(server_.bytes.begin(), server_.bytes.end(), '\1');
  for (size_t i = 0; i < kBatches; ++i) {
    std::vector<Slice> slices;
    for (size_t k = 0; k < kSlices; ++k) {
      const uint64_t at = (i * kSlices + k) * kPart;
      slices.push_back({at, at, kPart});
    }
    ASSERT_TRUE(Post(false, slices).ok());
  }
  const std::vector<Status> ended = endings_.Wait(kBatches);
  ASSERT_EQ(ended.size(), kBatches);
  for (const Status& status : ended) ASSERT_TRUE(status.ok()) << status.message;
  const size_t moved = kBatches * kSlices * kPart;
  EXPECT_EQ(memcmp(client_.bytes.data(), server_.bytes.data(), moved), 0);
}

TEST_F(FabricProviderTest, ARegionThatWasClosedIsNotReached) {
  client_.bytes.assign(kNbytes, 'x');
  ASSERT_EQ(Move(true, {{0, 0, 8}}), StatusCode::kOk);
  server_.memory->Close();
  EXPECT_NE(Move(true, {{0, 4096, 8}}), StatusCode::kOk);
  EXPECT_EQ(server_.bytes[4096], 0);
}

TEST_F(FabricProviderTest, ALocalRegionThatWasClosedIsRefused) {
  client_.memory->Close();
  EXPECT_EQ(Move(false, {{0, 0, 8}}), StatusCode::kRefused);
}

TEST_F(FabricProviderTest, AForgedAddressIsNotReached) {
  // The peer's descriptor says more than its region holds.
  EXPECT_NE(Move(false, {{0, kNbytes, 8}}), StatusCode::kOk);
}

TEST_F(FabricProviderTest, AForgedKeyIsRefused) {
  std::string forged = server_.memory->exported();
  forged[8] = static_cast<char>(forged[8] ^ 1);  // After the address; of a NIC's key 32 bits count.
  ASSERT_TRUE(link_->Open(forged, kNbytes, Access::kReadWrite, &target_).ok());
  server_.bytes.assign(kNbytes, 's');
  EXPECT_NE(Move(false, {{0, 0, 8}}), StatusCode::kOk);
  EXPECT_EQ(client_.bytes[0], 0);
}

TEST_F(FabricProviderTest, WhatAPeerSaysOfItselfIsChecked) {
  std::shared_ptr<ProviderTarget> target;
  for (const std::string& exported : {std::string(), std::string(15, 'k'), std::string(17, 'k')}) {
    EXPECT_EQ(link_->Open(exported, kNbytes, Access::kRead, &target).code, StatusCode::kRefused);
  }
  const std::string own = server_.provider->Introduce();
  std::shared_ptr<ProviderLink> link;
  for (const std::string& introduction :
       {std::string(), std::string("verbs"), own.substr(0, own.size() - 1), own + "x",
        "x" + own.substr(1), std::string(4096, '\xff')}) {
    EXPECT_FALSE(client_.provider->Connect(introduction, &link).ok());
  }
}

TEST_F(FabricProviderTest, AnAddressOfAnyBytesDoesNoHarm) {
  const std::string own = server_.provider->Introduce();
  const size_t address = own.find('\n') + 1;
  std::shared_ptr<ProviderLink> link;
  for (const int byte : {0, 1, 2, 10, 27, 127, 255}) {  // 2: AF_INET, 10: AF_INET6, 27: AF_IB.
    std::string forged = own;
    std::fill(forged.begin() + static_cast<ptrdiff_t>(address), forged.end(),
              static_cast<char>(byte));
    if (client_.provider->Connect(forged, &link).ok()) link->Close();
  }
  EXPECT_EQ(Move(false, {{0, 0, 8}}), StatusCode::kOk);
}

TEST_F(FabricProviderTest, ClosingALinkEndsWhatIsUnderWay) {
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(Post(false, {{0, 0, kNbytes}}).ok());
  link_->Close();
  const std::vector<Status> ended = endings_.Wait(100);
  ASSERT_EQ(ended.size(), 100u);
  EXPECT_EQ(ended.back().code, StatusCode::kPeerLost);
  EXPECT_EQ(Move(false, {{0, 0, 8}}), StatusCode::kPeerLost);
  link_->Close();
}

TEST_F(FabricProviderTest, AForkedChildLeavesItsParentsDeviceAlone) {
  ASSERT_EQ(Move(false, {{0, 0, 8}}), StatusCode::kOk);
  const pid_t child = fork();
  if (child == 0) {
    alarm(20);
    link_.reset();
    client_ = {};
    server_ = {};
    _exit(0);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(Move(true, {{0, 0, 8}}), StatusCode::kOk);
}

class FabricReadOnlyTest : public FabricProviderTest {
 protected:
  void SetUp() override { Start(Access::kRead); }
};

TEST_F(FabricReadOnlyTest, TheOtherEndDoesNotTakeAWrite) {
  client_.bytes.assign(kNbytes, 'x');
  EXPECT_NE(Move(true, {{0, 0, 8}}), StatusCode::kOk);
  EXPECT_EQ(server_.bytes[0], 0);
}

class FabricUnreachableTest : public FabricProviderTest {
 protected:
  void SetUp() override { Start(Access::kRead, 0.1); }
};

TEST_F(FabricUnreachableTest, AnEndThatIsNotThereIsLost) {
  server_.memory.reset();
  server_.provider.reset();
  EXPECT_EQ(Move(false, {{0, 0, 8}, {8, 8, 8}}), StatusCode::kPeerLost);
  EXPECT_EQ(Move(false, {{0, 0, 8}}), StatusCode::kPeerLost);
}

// ---- Why it is not usable ----------------------------------------------------------------------

TEST(DescribeFabricTest, SaysWhyItIsNotUsable) {
  for (const FabricKind& kind : {kVerbs, kEfa}) {
    const ProviderInfo info = DescribeFabric(kind);
    EXPECT_EQ(info.name, kind.name);
    EXPECT_EQ(info.tested, kind.tested);
    EXPECT_EQ(info.usable, info.why.empty()) << info.why;
    if (info.why != kAbsent && fs::exists("/sys/class/infiniband")) continue;
    std::shared_ptr<Provider> provider;
    EXPECT_EQ(MakeFabricProvider(kind, &provider).code, StatusCode::kFailed);
    EXPECT_EQ(provider, nullptr);
  }
}

TEST(DescribeFabricDeathTest, NamesTheLibraryThatCannotBeOpened) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");  // A process that has opened none yet.
  EXPECT_EXIT(
      {
        setenv("LOADGEN_LIBFABRIC", "/nowhere/libfabric.so.1", 1);
        std::cerr << DescribeFabric(kVerbs).why;
        _exit(7);
      },
      testing::ExitedWithCode(7),
      "^LOADGEN_LIBFABRIC cannot be used: /nowhere/libfabric.so.1: cannot open"
      "|^built without libfabric's headers$");
}

TEST(FabricMachineTest, FindsDevicesOfItsKind) {
  const fs::path folder = fs::path(testing::TempDir()) / "fabric_devices";
  fs::remove_all(folder);
  EXPECT_EQ(WhyNoDevice(false, folder), "no RDMA device");
  EXPECT_EQ(WhyNoDevice(true, folder), "no EFA device");
  fs::create_directories(folder / "mlx5_0" / "device");
  std::ofstream(folder / "mlx5_0" / "device" / "vendor") << "0x15b3\n";
  EXPECT_EQ(WhyNoDevice(false, folder), "");
  EXPECT_EQ(WhyNoDevice(true, folder), "no EFA device");
  fs::create_directories(folder / "rdmap0s1" / "device");
  std::ofstream(folder / "rdmap0s1" / "device" / "vendor") << "0x1d0f\n";
  EXPECT_EQ(WhyNoDevice(true, folder), "");
  fs::remove_all(folder);
}

TEST(FabricMachineTest, NamesTheLimitOfLockedMemory) {
  EXPECT_EQ(WhyNoLockedMemory(8 << 20, false),
            "locked memory is limited to 8 MiB: raise it (ulimit -l unlimited)");
  EXPECT_EQ(WhyNoLockedMemory(8 << 20, true), "");
  EXPECT_EQ(WhyNoLockedMemory(uint64_t{1} << 30, false), "");
  EXPECT_EQ(WhyNoLockedMemory(~uint64_t{0}, false), "");
}

}  // namespace
}  // namespace mlperf::transfer
