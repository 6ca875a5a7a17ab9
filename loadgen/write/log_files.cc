#include "write/log_files.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <ctime>
#include <filesystem>
#include <sstream>
#include <stdexcept>
#include <system_error>

namespace mlperf::loadgen {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void RefuseDirectory(const std::error_code& error, const fs::path& directory) {
  throw std::system_error(error, "cannot create the log directory '" + directory.string() +
                                     "' (log_output.outdir); its parent must exist and be "
                                     "writable");
}

// A prefix may name a subdirectory, so the directory is that of the whole path.
void MakeDirectoryOf(const std::string& path) {
  const fs::path directory = fs::path(path).parent_path();
  std::error_code error;
  if (directory.empty() || fs::is_directory(directory, error)) return;
  fs::create_directory(directory, error);
  if (error) RefuseDirectory(error, directory);
}

// Where it is not there yet, its parent must be.
void RequireParentOfDirectory(const std::string& path) {
  const fs::path directory = fs::path(path).parent_path();
  std::error_code error;
  if (directory.empty() || fs::is_directory(directory, error)) return;
  if (fs::exists(fs::symlink_status(directory, error))) {
    RefuseDirectory(std::make_error_code(std::errc::file_exists), directory);
  }
  const fs::path parent = directory.parent_path();
  if (parent.empty() || fs::is_directory(parent, error)) return;
  RefuseDirectory(std::make_error_code(fs::exists(fs::symlink_status(parent, error))
                                           ? std::errc::not_a_directory
                                           : std::errc::no_such_file_or_directory),
                  directory);
}

void MakeSampleFolder(const fs::path& folder) {
  std::error_code error;
  if (fs::is_directory(folder, error)) return;
  if (fs::exists(fs::symlink_status(folder, error))) {
    error = std::make_error_code(std::errc::not_a_directory);
  } else {
    fs::create_directory(folder, error);
  }
  if (error) {
    throw std::system_error(error, "cannot create the folder of the sample log '" +
                                       folder.string() +
                                       "'; move away what is there and see that the folder of the "
                                       "logs is writable, or set enable_sample_log = false");
  }
}

void RequireWorkingDirectory(const std::string& outdir) {
  std::error_code error;
  if (std::filesystem::path(outdir).is_absolute()) return;
  static_cast<void>(std::filesystem::current_path(error));
  if (error != std::errc::no_such_file_or_directory) return;
  throw std::system_error(error, "the logs cannot be written to '" + outdir +
                                     "' (log_output.outdir), since the working directory no longer "
                                     "exists; change to another one, or give an absolute path");
}

// A file with contents, not a device or a pipe.
bool HoldsSomething(const std::string& path) {
  std::error_code error;
  return fs::is_regular_file(path, error) && fs::file_size(path, error) > 0;
}

void Remove(const std::string& path) {
  std::error_code error;
  if (!fs::is_regular_file(path, error)) return;
  fs::remove(path, error);
  if (error) {
    throw std::system_error(error, "cannot remove the log '" + path +
                                       "' of an earlier test; remove it, or choose another "
                                       "log_output.outdir or prefix");
  }
}

void RemoveIfEmpty(const fs::path& folder) {
  std::error_code error;
  if (fs::is_directory(fs::symlink_status(folder, error))) fs::remove(folder, error);
}

void RefuseWrongShare(double share) {
  if (share >= 0 && share <= 1) return;
  std::ostringstream text;
  text << "LogSettings.max_free_space_share is " << share
       << "; give a share from 0 (no limit) to 1";
  throw std::invalid_argument(text.str());
}

// It ends the names of several files, which would each need a folder of their own.
void RefuseWrongSuffix(const std::string& suffix) {
  if (suffix.find('/') == std::string::npos) return;
  throw std::invalid_argument("log_output.suffix is '" + suffix +
                              "'; it ends the name of each file, so give it without a /");
}

void RefuseLongNames(const LogPaths& paths) {
  for (const std::string& path :
       {paths.summary, paths.detail, paths.accuracy, paths.trace, paths.samples, paths.tokens}) {
    const size_t size = fs::path(path).filename().string().size();
    if (size <= NAME_MAX && path.size() < PATH_MAX) continue;
    throw std::system_error(
        std::make_error_code(std::errc::filename_too_long),
        "log file '" + path + "': give a shorter log_output.outdir, prefix or suffix");
  }
}

SizeBound Bound(uint64_t max_mb, const char* setting, double share, const std::string& path) {
  constexpr uint64_t kBytesPerMb = 1000000;
  SizeBound bound;
  if (max_mb > 0 && max_mb < bound.bytes / kBytesPerMb) {
    bound = {max_mb * kBytesPerMb, std::string(setting) + " = " + std::to_string(max_mb)};
  }
  std::error_code error;
  const fs::space_info space = fs::space(path, error);
  const bool known = !error && space.capacity > 0 && space.available <= space.capacity;
  if (share == 0 || !known) return bound;
  const auto shared = static_cast<uint64_t>(share * static_cast<double>(space.available));
  if (shared < bound.bytes) {
    std::ostringstream text;
    text << "max_free_space_share = " << share << " of " << space.available / kBytesPerMb << " MB";
    bound = {shared, text.str()};
  }
  return bound;
}

[[noreturn]] void RefuseToOverwrite(const std::string& path) {
  throw std::system_error(std::make_error_code(std::errc::file_exists),
                          "log file '" + path +
                              "' exists and log_output.exist_ok is false; move it away or choose "
                              "another log_output.outdir or prefix");
}

// Where the logs of a test that starts at `datetime` go, those that are turned off included.
LogPaths PathsOf(const LogSettings& settings, const std::string& datetime) {
  const LogOutputSettings& output = settings.log_output;
  const std::string stem =
      output.outdir + "/" + output.prefix + (output.prefix_with_datetime ? datetime + "_" : "");
  const auto path = [&](const char* name, const char* extension) {
    return stem + name + output.suffix + extension;
  };
  const fs::path samples = path("samples", ".npy");
  const fs::path tokens = path("tokens", ".npy");
  return {path("summary", ".txt"),
          path("detail", ".txt"),
          path("accuracy", ".json"),
          path("trace", ".json"),
          (samples.parent_path() / kSampleFolder / samples.filename()).string(),
          (tokens.parent_path() / kSampleFolder / tokens.filename()).string()};
}

// Where the sample log was before it had a folder of its own.
std::string BesideOthers(const fs::path& samples) {
  return (samples.parent_path().parent_path() / samples.filename()).string();
}

}  // namespace

std::string EarlierLog(const LogSettings& settings, const std::string& datetime) {
  const LogPaths paths = PathsOf(settings, datetime);
  for (const std::string& path : {paths.summary, paths.detail, paths.accuracy, paths.trace,
                                  paths.samples, BesideOthers(paths.samples), paths.tokens}) {
    if (HoldsSomething(path)) return path;
  }
  return {};
}

void CheckLogSettings(const LogSettings& settings) {
  const LogPaths paths = PathsOf(settings, UtcDateTime(0));
  if (paths.summary.find('\0') != std::string::npos) {
    throw std::system_error(std::make_error_code(std::errc::invalid_argument),
                            "the path of the logs has a NUL byte (log_output.outdir, prefix or "
                            "suffix); remove it");
  }
  RefuseWrongShare(settings.max_free_space_share);
  RefuseWrongSuffix(settings.log_output.suffix);
  RefuseLongNames(paths);
  RequireWorkingDirectory(settings.log_output.outdir);
  RequireParentOfDirectory(paths.summary);
}

std::string UtcDateTime(int64_t system_ns) {
  const std::time_t seconds = static_cast<std::time_t>(system_ns / 1000000000);
  std::tm utc;
  gmtime_r(&seconds, &utc);
  char text[32];
  std::strftime(text, sizeof(text), "%FT%TZ", &utc);
  return text;
}

LogFiles::LogFiles(const LogSettings& settings, const std::string& datetime,
                   const std::function<void(const std::string&)>& warn) {
  const LogPaths paths = PathsOf(settings, datetime);
  CheckLogSettings(settings);
  MakeDirectoryOf(paths.summary);
  if (const std::string old = EarlierLog(settings, datetime); !old.empty()) {
    if (!settings.log_output.exist_ok) RefuseToOverwrite(old);
    warn("the logs of an earlier test are overwritten: '" + old +
         "'; give each test its own log_output.outdir or prefix, or turn log_output.exist_ok "
         "off to have it refused");
  }
  const fs::path folder = fs::path(paths.samples).parent_path();
  if (settings.enable_sample_log) MakeSampleFolder(folder);
  summary = OutputFile(paths.summary);
  detail = OutputFile(paths.detail);
  accuracy = OutputFile(paths.accuracy);
  trace = OutputFile(paths.trace);
  trace_bound =
      Bound(settings.max_trace_mb, "max_trace_mb", settings.max_free_space_share, paths.trace);
  Remove(BesideOthers(paths.samples));
  Remove(paths.tokens);
  token_path_ = paths.tokens;
  if (!settings.enable_sample_log) {
    Remove(paths.samples);
    RemoveIfEmpty(folder);
    return;
  }
  samples = OutputFile(paths.samples);
  sample_bound = Bound(settings.max_sample_log_mb, "max_sample_log_mb",
                       settings.max_free_space_share, paths.samples);
}

LogPaths LogFiles::paths() const {
  return {summary.path(), detail.path(),  accuracy.path(),
          trace.path(),   samples.path(), tokens.path()};
}

bool LogFiles::OpenTokens() {
  try {
    tokens = OutputFile(token_path_);
    return true;
  } catch (const std::system_error& error) {
    token_failure_ = error.what();
    return false;
  }
}

std::string LogFiles::Failures() const {
  std::string text = token_failure_;
  for (const OutputFile* file : {&summary, &detail, &accuracy, &trace, &samples, &tokens}) {
    const std::string failure = file->Failure();
    if (failure.empty()) continue;
    if (!text.empty()) text += '\n';
    text += failure;
  }
  return text;
}

void LogFiles::CloseAll() {
  for (OutputFile* file : {&summary, &detail, &accuracy, &trace, &samples, &tokens}) {
    file->Close();
  }
}

}  // namespace mlperf::loadgen
