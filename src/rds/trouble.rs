//! Sorts what AWS answers.
