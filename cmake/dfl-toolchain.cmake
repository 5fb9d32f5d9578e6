# Read by every CMake build that cargo starts here (HiGHS, OSQP), because `.cargo/config.toml` names it in
# CMAKE_TOOLCHAIN_FILE. Each line is guarded, so that the file changes nothing before `cargo xtask setup` has run.
get_filename_component(DFL_DEPS "${CMAKE_CURRENT_LIST_DIR}/../.deps" ABSOLUTE)

# OSQP's own build clones QDLDL from a git host. CMake takes these sources instead, so that no network is needed.
if(EXISTS "${DFL_DEPS}/qdldl/CMakeLists.txt")
  set(FETCHCONTENT_SOURCE_DIR_QDLDL "${DFL_DEPS}/qdldl")
endif()

# The generator is Ninja: unlike make it is always to be had from a package registry. It need not be on PATH.
if(CMAKE_GENERATOR STREQUAL "Ninja" AND EXISTS "${DFL_DEPS}/ninja/bin/ninja")
  set(CMAKE_MAKE_PROGRAM "${DFL_DEPS}/ninja/bin/ninja" CACHE FILEPATH "Ninja placed by cargo xtask setup" FORCE)
endif()

# OSQP and HiGHS (its cuPDLP) both define a global `csc_copy`, so a program with both does not link. OSQP's gets another name.
if(EXISTS "${CMAKE_SOURCE_DIR}/include/public/osqp_api_functions.h")
  add_compile_definitions(csc_copy=osqp_csc_copy)
endif()
