#pragma once
#include <holdfast/core/certified.hpp>
#include <holdfast/core/config.hpp>
#include <holdfast/core/error.hpp>
#include <holdfast/core/matrix.hpp>
#include <holdfast/core/parallel.hpp>
#include <holdfast/core/portable_math.hpp>
#include <holdfast/core/random.hpp>
