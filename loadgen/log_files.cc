#include "log_files.h"

#include <cerrno>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <system_error>

namespace mlperf::loadgen {
namespace {

// A prefix may name a subdirectory, so the directory is that of the whole path.
void MakeDirectoryOf(const std::string& path) {
  const std::filesystem::path directory = std::filesystem::path(path).parent_path();
  if (directory.empty() || std::filesystem::is_directory(directory)) return;
  std::error_code error;
  std::filesystem::create_directory(directory, error);
  if (error) {
    throw std::system_error(error, "cannot create the log directory '" + directory.string() +
                                       "' (log_output.outdir); its parent must exist and be "
                                       "writable");
  }
}

}  // namespace

std::string UtcDateTime(int64_t system_ns) {
  const std::time_t seconds = static_cast<std::time_t>(system_ns / 1000000000);
  std::tm utc;
  gmtime_r(&seconds, &utc);
  char text[32];
  std::strftime(text, sizeof(text), "%FT%TZ", &utc);
  return text;
}

LogFiles::LogFiles(const LogSettings& settings, const std::string& datetime) {
  const LogOutputSettings& output = settings.log_output;
  const std::string stem =
      output.outdir + "/" + output.prefix + (output.prefix_with_datetime ? datetime + "_" : "");
  const auto path = [&](const char* name, const char* extension) {
    return stem + name + output.suffix + extension;
  };
  MakeDirectoryOf(stem + "summary");
  summary = OutputFile(path("summary", ".txt"));
  detail = OutputFile(path("detail", ".txt"));
  accuracy = OutputFile(path("accuracy", ".json"));
  trace = OutputFile(path("trace", ".json"));
  if (settings.enable_sample_log) samples = OutputFile(path("samples", ".npy"));
}

LogPaths LogFiles::paths() const {
  return {summary.path(), detail.path(), accuracy.path(), trace.path(), samples.path()};
}

std::string LogFiles::Failures() const {
  std::string text;
  for (const OutputFile* file : {&summary, &detail, &accuracy, &trace, &samples}) {
    if (file->error() == 0) continue;
    if (!text.empty()) text += '\n';
    text.append("cannot write log file '").append(file->path()).append("': ");
    text.append(std::strerror(file->error())).append("; its contents are incomplete");
  }
  return text;
}

void LogFiles::CloseAll() {
  for (OutputFile* file : {&summary, &detail, &accuracy, &trace, &samples}) file->Close();
}

}  // namespace mlperf::loadgen
