-- What     numbers that look random and are the same in every run, Ids of 18 characters, and what a line costs
create or replace temp macro pick(i, salt, n) as (hash(i, salt) % n::ubigint)::integer;
create or replace temp macro salesforce_id(prefix, i) as format('{}am{:010d}AAA', prefix, i);
create or replace temp macro stage_at(n) as
    ['Prospecting', 'Negotiation', 'Proposal', 'Closed Won', 'Closed Lost'][1 + n % 5];
create or replace temp macro stage_place(stage) as
    list_position(['Prospecting', 'Negotiation', 'Proposal', 'Closed Won', 'Closed Lost'], stage) - 1;
create or replace temp macro line_price(i, k) as (10 + pick(i, 'price' || k, 90))::decimal(18, 2);
create or replace temp macro line_quantity(i, k) as 1 + pick(i, 'quantity' || k, 5);
