#include "log_files.h"

#include <cerrno>
#include <ctime>
#include <filesystem>
#include <system_error>

namespace mlperf::loadgen {
namespace {

// A prefix may name a subdirectory, so the directory is that of the whole path.
void MakeDirectoryOf(const std::string& path) {
  const std::filesystem::path directory = std::filesystem::path(path).parent_path();
  std::error_code error;
  if (directory.empty() || std::filesystem::is_directory(directory, error)) return;
  std::filesystem::create_directory(directory, error);
  if (error) {
    throw std::system_error(error, "cannot create the log directory '" + directory.string() +
                                       "' (log_output.outdir); its parent must exist and be "
                                       "writable");
  }
}

// A file with contents, not a device or a pipe.
bool HoldsSomething(const std::string& path) {
  std::error_code error;
  return std::filesystem::is_regular_file(path, error) &&
         std::filesystem::file_size(path, error) > 0;
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
  return {path("summary", ".txt"), path("detail", ".txt"), path("accuracy", ".json"),
          path("trace", ".json"), path("samples", ".npy")};
}

}  // namespace

std::string EarlierLog(const LogSettings& settings, const std::string& datetime) {
  const LogPaths paths = PathsOf(settings, datetime);
  for (const std::string* path :
       {&paths.summary, &paths.detail, &paths.accuracy, &paths.trace, &paths.samples}) {
    if (HoldsSomething(*path)) return *path;
  }
  return {};
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
  if (paths.summary.find('\0') != std::string::npos) {
    throw std::system_error(std::make_error_code(std::errc::invalid_argument),
                            "the path of the logs has a NUL byte (log_output.outdir, prefix or "
                            "suffix); remove it");
  }
  MakeDirectoryOf(paths.summary);
  if (const std::string old = EarlierLog(settings, datetime); !old.empty()) {
    if (!settings.log_output.exist_ok) RefuseToOverwrite(old);
    warn("the logs of an earlier test are overwritten: '" + old +
         "'; give each test its own log_output.outdir or prefix, or turn log_output.exist_ok "
         "off to have it refused");
  }
  summary = OutputFile(paths.summary);
  detail = OutputFile(paths.detail);
  accuracy = OutputFile(paths.accuracy);
  trace = OutputFile(paths.trace);
  if (settings.enable_sample_log) samples = OutputFile(paths.samples);
}

LogPaths LogFiles::paths() const {
  return {summary.path(), detail.path(), accuracy.path(), trace.path(), samples.path()};
}

std::string LogFiles::Failures() const {
  std::string text;
  for (const OutputFile* file : {&summary, &detail, &accuracy, &trace, &samples}) {
    const std::string failure = file->Failure();
    if (failure.empty()) continue;
    if (!text.empty()) text += '\n';
    text += failure;
  }
  return text;
}

void LogFiles::CloseAll() {
  for (OutputFile* file : {&summary, &detail, &accuracy, &trace, &samples}) file->Close();
}

}  // namespace mlperf::loadgen
