#pragma once
#include <holdfast/holdfast.hpp>
