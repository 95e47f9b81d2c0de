-- Reserves $1 numbers and returns the first one.
update numbering set next_number = next_number + $1 returning next_number - $1 as first
