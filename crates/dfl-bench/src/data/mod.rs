//! Where tasks get their instances: generators and data sets.

