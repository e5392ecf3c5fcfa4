<?php echo "page of ", PHP_SAPI, "\n";
