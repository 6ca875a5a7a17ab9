# `cmake --install` gives headers under the reference's names, the static library and a package:
#   find_package(mlperf_loadgen)  target_link_libraries(... mlperf::loadgen)
# The headers have a folder of their own, which the package adds, for some of their names are common
# ones: progress.h.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/mlperf_loadgen")
set(header_dir "${CMAKE_INSTALL_INCLUDEDIR}/mlperf_loadgen")
set_target_properties(mlperf_loadgen PROPERTIES EXPORT_NAME loadgen)
install(TARGETS mlperf_loadgen EXPORT mlperf_loadgen_targets
        ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}"
        INCLUDES DESTINATION "${header_dir}")
install(FILES ${LOADGEN_PUBLIC_HEADERS} DESTINATION "${header_dir}")
install(FILES "${repository}/bindings/c_api.h" "${repository}/bindings/mlperf_loadgen_c.h"
        DESTINATION "${header_dir}/bindings")
install(EXPORT mlperf_loadgen_targets NAMESPACE mlperf:: DESTINATION "${package_dir}")
configure_package_config_file("${CMAKE_CURRENT_LIST_DIR}/mlperf_loadgen-config.cmake.in"
                              mlperf_loadgen-config.cmake INSTALL_DESTINATION "${package_dir}")
write_basic_package_version_file(mlperf_loadgen-config-version.cmake
                                 COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/mlperf_loadgen-config.cmake"
              "${PROJECT_BINARY_DIR}/mlperf_loadgen-config-version.cmake"
        DESTINATION "${package_dir}")
