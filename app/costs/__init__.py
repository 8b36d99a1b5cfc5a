"""Pure cost model: tokens, prices and hours in, money per month out."""
