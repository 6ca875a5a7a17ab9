#include "fabric/libfabric.h"

#include <dlfcn.h>
#include <signal.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

namespace mlperf::transfer {
namespace {

namespace fs = std::filesystem;

constexpr char kSoname[] = "libfabric.so.1";

// The symbol versions whose structures the headers describe. The library's default can be newer.
constexpr const char* InfoSymbolVersion() {
  constexpr uint32_t kHeaders = FI_VERSION(FI_MAJOR_VERSION, FI_MINOR_VERSION);
  if (kHeaders < FI_VERSION(1, 20)) return "FABRIC_1.3";
  if (kHeaders < FI_VERSION(2, 0)) return "FABRIC_1.7";
  if (kHeaders < FI_VERSION(2, 5)) return "FABRIC_1.8";
  return "FABRIC_1.9";
}
constexpr char kFabricSymbolVersion[] = "FABRIC_1.1";
constexpr char kOldestSymbolVersion[] = "FABRIC_1.0";

// The Python package mpich puts its library into lib/mpich/ of the environment; this code is a
// module somewhere below lib/.
std::string BesideThisModule() {
  Dl_info self;
  if (dladdr(reinterpret_cast<void*>(&BesideThisModule), &self) == 0 || !self.dli_fname) return {};
  std::error_code ignored;
  const fs::path module = fs::weakly_canonical(self.dli_fname, ignored);
  for (fs::path folder = module.parent_path(); folder != folder.root_path();
       folder = folder.parent_path()) {
    const fs::path candidate = folder / "mpich" / kSoname;
    if (folder.filename() == "lib" && fs::exists(candidate, ignored)) return candidate.string();
  }
  return {};
}

std::vector<std::string> Candidates() {
  std::vector<std::string> paths = {kSoname, std::string("/opt/amazon/efa/lib64/") + kSoname};
  if (const std::string found = BesideThisModule(); !found.empty()) paths.push_back(found);
  return paths;
}

// Values of the environment for as long as this lives.
class Settings {
 public:
  ~Settings() {
    for (const auto& [name, value] : before_) {
      value ? setenv(name.c_str(), value->c_str(), 1) : unsetenv(name.c_str());
    }
  }
  void Set(const std::string& name, const std::string& value) {
    const char* before = getenv(name.c_str());
    before_.emplace_back(name, before ? std::optional<std::string>(before) : std::nullopt);
    setenv(name.c_str(), value.c_str(), 1);
  }
  void SetDefault(const std::string& name, const std::string& value) {
    if (!getenv(name.c_str())) Set(name, value);
  }

 private:
  std::vector<std::pair<std::string, std::optional<std::string>>> before_;
};

// What this process does at signals, for as long as this lives. Libraries of some of libfabric's
// providers (PSM) set handlers as they are loaded, which end the process at Ctrl-C without a word.
class KeptSignalActions {
 public:
  KeptSignalActions() {
    for (int signal = 1; signal < kEnd; ++signal) sigaction(signal, nullptr, &before_[signal]);
  }
  ~KeptSignalActions() {
    for (int signal = 1; signal < kEnd; ++signal) sigaction(signal, &before_[signal], nullptr);
  }
  KeptSignalActions(const KeptSignalActions&) = delete;
  KeptSignalActions& operator=(const KeptSignalActions&) = delete;

 private:
  static constexpr int kEnd = 32;  // From here on they are real-time signals.
  std::array<struct sigaction, kEnd> before_{};
};

void ReadSettings(const Libfabric& library) {
  const KeptSignalActions kept;
  Settings settings;
  // Its cache keeps registrations, with every right, after they were closed: peers could go on.
  settings.Set("FI_MR_CACHE_MAX_COUNT", "0");
  // Buffers for messages, which are not used: an endpoint takes 2 MB so, and 70 MB without.
  settings.SetDefault("FI_OFI_RXM_BUFFER_SIZE", "1024");
  settings.SetDefault("FI_OFI_RXM_MSG_TX_SIZE", "128");
  settings.SetDefault("FI_OFI_RXM_MSG_RX_SIZE", "128");
  // A library that was moved does not find its modules (verbs, efa), which lie in a folder beside
  // it.
  std::error_code ignored;
  const fs::path modules = fs::path(library.path).parent_path() / "libfabric";
  if (fs::is_directory(modules, ignored)) settings.SetDefault("FI_PROVIDER_PATH", modules);
  fi_info* found = nullptr;
  if (library.getinfo(library.api_version(), nullptr, nullptr, 0, nullptr, &found) == 0) {
    library.freeinfo(found);
  }
}

template <typename Function>
bool Take(void* handle, const char* name, const char* version, Function* function) {
  *function = reinterpret_cast<Function>(dlvsym(handle, name, version));
  return *function != nullptr;
}

// Opens `path`; on failure `why` says what is wrong with it.
bool OpenAt(const std::string& path, Libfabric* library, std::string* why) {
  const KeptSignalActions kept;
  void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle) {
    *why = dlerror();
    return false;
  }
  constexpr const char* kInfo = InfoSymbolVersion();
  if (Take(handle, "fi_getinfo", kInfo, &library->getinfo) &&
      Take(handle, "fi_freeinfo", kInfo, &library->freeinfo) &&
      Take(handle, "fi_dupinfo", kInfo, &library->dupinfo) &&
      Take(handle, "fi_fabric", kFabricSymbolVersion, &library->fabric) &&
      Take(handle, "fi_strerror", kOldestSymbolVersion, &library->strerror) &&
      Take(handle, "fi_version", kOldestSymbolVersion, &library->version)) {
    library->path = path;
    return true;
  }
  *why = path + " has not the functions of libfabric that this was built for (" + kInfo + ")";
  dlclose(handle);
  return false;
}

// "no libfabric.so.1", unless there is one that cannot be used, or one was asked for by its path.
std::string Summary(const std::vector<std::string>& reasons) {
  const std::string missing =
      std::string(kSoname) + ": cannot open shared object file: No such file or directory";
  for (const std::string& reason : reasons) {
    if (!reason.ends_with(missing)) return "libfabric cannot be used: " + reason;
  }
  return std::string("no ") + kSoname;
}

}  // namespace

std::string Libfabric::version_text() const {
  return std::to_string(FI_MAJOR(version())) + "." + std::to_string(FI_MINOR(version()));
}

uint32_t Libfabric::api_version() const {
  return std::min<uint32_t>(version(), FI_VERSION(FI_MAJOR_VERSION, FI_MINOR_VERSION));
}

std::string Libfabric::Explain(const std::string& what, int64_t result) const {
  return what + ": " + strerror(static_cast<int>(-result)) + " (libfabric " + version_text() + ")";
}

void Libfabric::ReadSettingsOnce() const {
  static std::once_flag once;
  std::call_once(once, [this] { ReadSettings(*this); });
}

Status OpenLibfabric(const Libfabric** library) {
  static std::mutex mutex;
  static Libfabric opened;
  const std::lock_guard lock(mutex);
  *library = &opened;
  if (!opened.path.empty()) return {};
  if (const char* given = getenv("LOADGEN_LIBFABRIC"); given && *given) {
    std::string why;
    if (OpenAt(given, &opened, &why)) return {};
    return Status::Failed("LOADGEN_LIBFABRIC cannot be used: " + why);
  }
  std::vector<std::string> reasons;
  for (const std::string& path : Candidates()) {
    std::string why;
    if (OpenAt(path, &opened, &why)) return {};
    reasons.push_back(why);
  }
  return Status::Failed(Summary(reasons));
}

}  // namespace mlperf::transfer
